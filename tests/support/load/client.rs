//! The dialling process of a pair.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::BATCH;
use super::behaviour::Behaviour;
use super::connection::{Plan, ROOM};
use super::log::{Log, Side};

/// Dials for `duration`, and tells the server with the last batch that there is no more.
pub(super) fn run(pair: u8, duration: Duration) -> Log {
    let mut log = Log::new(Side::Client, pair);
    let mut room = [0; ROOM];
    let mut held = Vec::new();
    let start = Instant::now();
    for batch in 0.. {
        let is_last = start.elapsed() >= duration;
        for number in batch * BATCH..(batch + 1) * BATCH {
            let plan = Plan::of(pair, number);
            let mut stream = TcpStream::connect(plan.destination()).expect("the dial succeeds");
            let length = plan.write(is_last, &mut room);
            stream.write_all(&room[..length]).expect("the request");
            log.note(plan, &stream);
            held.push((plan, stream));
        }
        for (plan, stream) in held.drain(..) {
            finish(plan, stream, &mut room);
        }
        if is_last {
            break;
        }
    }
    log.took = start.elapsed();
    log
}

fn finish(plan: Plan, mut stream: TcpStream, room: &mut [u8; ROOM]) {
    if plan.behaviour == Behaviour::ClientLeavesUnread {
        // An answer is one segment: if its first byte is here, the rest is too.
        return stream.read_exact(&mut room[..1]).expect("a byte");
    }
    stream.read_exact(&mut room[..plan.answer()]).expect("the answer");
    match plan.behaviour {
        Behaviour::ServerCloses => assert_eq!(stream.read(room).expect("FIN"), 0),
        Behaviour::ClientResets => {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
        }
        Behaviour::ServerResets => {
            stream.write_all(&room[..plan.second()]).expect("another request");
            let error = stream.read(room).expect_err("the reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        Behaviour::ClientHalfCloses => {
            stream.shutdown(Shutdown::Write).expect("half-close");
            assert_eq!(stream.read(room).expect("FIN"), 0);
        }
        Behaviour::TwoExchanges => {
            stream.write_all(&room[..plan.second()]).expect("another request");
            stream.read_exact(&mut room[..plan.answer()]).expect("another answer");
        }
        Behaviour::ClientCloses | Behaviour::ClientLeavesUnread => {}
    }
}
