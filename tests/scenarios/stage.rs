//! What a scene may ask for: ports of its own, both ends of a connection, other processes, a network
//! of its own, and to be there before the tracer. It remembers its ports, by which its records are
//! found.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::{SockFlag, accept4};
use socket2::{SockRef, Socket};

use crate::actor::Actor;
use crate::facts::Facts;
use crate::support::{port, wait};
use crate::sys;

/// 127.0.0.1.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Bound of every read of a scene.
const READ_LIMIT: Duration = wait::PATIENCE;

/// What one scene has.
pub(crate) struct Stage {
    ports: RefCell<Vec<u16>>,
    actors: RefCell<Vec<Actor>>,
    /// Dropped when the scene is ready for the tracer to start.
    ready: Cell<Option<Sender<Infallible>>>,
    /// Closes when the tracer is attached.
    attached: Arc<Mutex<Receiver<Infallible>>>,
}

/// Both ends of an established connection, as facts.
pub(crate) struct Ends {
    /// The dialler's.
    pub(crate) client: Facts,
    /// The acceptor's.
    pub(crate) server: Facts,
}

impl Stage {
    /// For a scene that was promised these actors.
    pub(crate) fn new(
        actors: Vec<Actor>,
        ready: Sender<Infallible>,
        attached: Arc<Mutex<Receiver<Infallible>>>,
    ) -> Self {
        Self {
            ports: RefCell::default(),
            actors: RefCell::new(actors),
            ready: Cell::new(Some(ready)),
            attached,
        }
    }

    /// Its ports so far.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.ports.borrow().clone()
    }

    /// Waits until the tracer is attached. What was done before was there before it.
    pub(crate) fn attach(&self) {
        self.ready.take();
        let _closed = self.attached.lock().expect("nobody panics with it").recv();
    }

    /// A port that nobody listens on and no other scene uses.
    pub(crate) fn port(&self) -> u16 {
        let port = port::closed();
        self.ports.borrow_mut().push(port);
        port
    }

    /// A process of its own.
    pub(crate) fn actor(&self) -> Actor {
        self.actors.borrow_mut().pop().expect("the row says how many actors it needs")
    }

    /// Moves the scene into a network of its own.
    #[expect(clippy::unused_self, reason = "only a scene may do so: its thread is its own")]
    pub(crate) fn apart(&self) {
        sys::unshare_network();
    }

    /// A listener on 127.0.0.1.
    pub(crate) fn listen(&self) -> TcpListener {
        self.listen_at(LOOPBACK)
    }

    /// A listener at this address.
    pub(crate) fn listen_at(&self, address: IpAddr) -> TcpListener {
        TcpListener::bind((address, self.port())).expect("the port is free")
    }

    /// Both ends of a connection on 127.0.0.1, after one exchange.
    pub(crate) fn pair(&self) -> (TcpStream, TcpStream, Ends) {
        self.pair_between(LOOPBACK, LOOPBACK)
    }

    /// The same with an actor as the dialler, whose socket 0 it is.
    pub(crate) fn pair_with_actor(&self) -> (Actor, TcpStream, Ends) {
        let listener = self.listen();
        let mut actor = self.actor();
        let client = actor.dial(listener.local_addr().expect("bound"));
        let (mut server, facts) = accept(&listener);
        actor.tell("write 0 1");
        server.read_exact(&mut [0]).expect("request arrives");
        server.write_all(b"!").expect("answer");
        assert_eq!((actor.hear(), actor.ask("read 0 1")), Default::default());
        (actor, server, Ends { client, server: facts })
    }

    /// The same between these addresses.
    pub(crate) fn pair_between(
        &self,
        listen: IpAddr,
        dial: IpAddr,
    ) -> (TcpStream, TcpStream, Ends) {
        let listener = self.listen_at(listen);
        let (mut client, mut server, ends) = connect_to(&listener, dial);
        exchange(&mut client, &mut server);
        (client, server, ends)
    }
}

impl Ends {
    /// Of sockets of this process.
    pub(crate) fn of(client: &TcpStream, server: &TcpStream) -> Self {
        Self { client: Facts::of(client, "client"), server: Facts::of(server, "server") }
    }
}

/// Dials the listener and accepts, without an exchange.
pub(crate) fn connect(listener: &TcpListener) -> (TcpStream, TcpStream, Ends) {
    connect_to(listener, LOOPBACK)
}

fn connect_to(listener: &TcpListener, dial: IpAddr) -> (TcpStream, TcpStream, Ends) {
    let (client, client_facts) = self::dial(SocketAddr::new(dial, port_of(listener)));
    let (server, server_facts) = accept(listener);
    (client, server, Ends { client: client_facts, server: server_facts })
}

/// Dials.
pub(crate) fn dial(address: SocketAddr) -> (TcpStream, Facts) {
    let client = TcpStream::connect(address).expect("the dial succeeds");
    client.set_read_timeout(Some(READ_LIMIT)).expect("SO_RCVTIMEO");
    let facts = Facts::of(&client, "client");
    (client, facts)
}

/// Accepts, asking for the address.
pub(crate) fn accept(listener: &TcpListener) -> (TcpStream, Facts) {
    let (server, _) = listener.accept().expect("the accept succeeds");
    server.set_read_timeout(Some(READ_LIMIT)).expect("SO_RCVTIMEO");
    let facts = Facts::of(&server, "server");
    (server, facts)
}

/// Accepts without asking for the address.
pub(crate) fn accept_quietly(listener: &TcpListener) -> (TcpStream, Facts) {
    let fd = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC).expect("the accept succeeds");
    // SAFETY: the kernel has just made it for us.
    let server = TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) });
    server.set_read_timeout(Some(READ_LIMIT)).expect("SO_RCVTIMEO");
    let facts = Facts::of(&server, "server");
    (server, facts)
}

/// Where it listens.
pub(crate) fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("bound").port()
}

/// One byte there, one byte back.
pub(crate) fn exchange(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"?").expect("request");
    server.read_exact(&mut [0]).expect("request arrives");
    server.write_all(b"!").expect("answer");
    client.read_exact(&mut [0]).expect("answer arrives");
}

/// Reads the peer's FIN.
pub(crate) fn end_of(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).expect("FIN"), 0);
}

/// Waits until so many bytes wait to be read (0: the peer's FIN).
pub(crate) fn arrived(stream: &TcpStream, count: usize) {
    let mut room = vec![0; count + 1];
    wait::until("data to arrive", || {
        (stream.peek(&mut room).expect("no reset") == count).then_some(())
    });
}

/// A dial that does not succeed at once.
pub(crate) fn connect_error(socket: &Socket, to: SocketAddr) -> io::Error {
    socket.connect(&to.into()).expect_err("it does not succeed at once")
}

/// Closes with a reset.
pub(crate) fn abort(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(stream);
}

/// Waits until the kernel acknowledged the FIN of this end's peer, which it delays by up to 40 ms.
/// From then on the peer's socket is gone and a timewait socket stands in for it.
pub(crate) fn acknowledged_fin(stream: &TcpStream) {
    let server = stream.peer_addr().expect("peer").port();
    wait::in_state(server, wait::CLOSE_WAIT, 1);
    wait::in_state(server, wait::FIN_WAIT2, 1);
}
