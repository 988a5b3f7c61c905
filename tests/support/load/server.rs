//! The accepting process of a pair.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::behaviour::Behaviour;
use super::connection::{Plan, ROOM};
use super::log::{Log, Side};
use super::{BATCH, port};

/// Serves until the client's last batch.
pub(super) fn run(pair: u8) -> Log {
    let mut log = Log::new(Side::Server, pair);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port(pair))).expect("a port");
    let mut room = [0; ROOM];
    let mut held = Vec::new();
    let start = Instant::now();
    loop {
        let mut is_last = false;
        for _ in 0..BATCH {
            let (mut stream, _) = listener.accept().expect("the accept succeeds");
            let length = stream.read(&mut room).expect("a request");
            let (plan, ends) = Plan::read(pair, &room[..length]);
            is_last |= ends;
            log.note(plan, &stream);
            stream.write_all(&room[..plan.answer()]).expect("the answer");
            if plan.behaviour != Behaviour::ServerCloses {
                held.push((plan, stream));
            }
        }
        // In the order in which the client ends them: it may differ from that of the handshakes.
        held.sort_by_key(|(plan, _): &(Plan, _)| plan.number);
        for (plan, stream) in held.drain(..) {
            finish(plan, stream, &mut room);
        }
        if is_last {
            log.took = start.elapsed();
            return log;
        }
    }
}

fn finish(plan: Plan, mut stream: TcpStream, room: &mut [u8; ROOM]) {
    match plan.behaviour {
        Behaviour::ClientResets | Behaviour::ClientLeavesUnread => {
            let error = stream.read(room).expect_err("the reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        Behaviour::ServerResets => {
            stream.read_exact(&mut room[..plan.second()]).expect("another request");
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
        }
        Behaviour::TwoExchanges => {
            stream.read_exact(&mut room[..plan.second()]).expect("another request");
            stream.write_all(&room[..plan.answer()]).expect("another answer");
            assert_eq!(stream.read(room).expect("FIN"), 0);
        }
        Behaviour::ClientCloses | Behaviour::ClientHalfCloses => {
            assert_eq!(stream.read(room).expect("FIN"), 0);
        }
        Behaviour::ServerCloses => unreachable!("closed at once"),
    }
}
