//! One line of each kind, for the tests of all exporters.

use super::message::Fields;
use crate::sink::json::Json;
use crate::sink::{Ended, Item, NotEnough, PeerSummary, Sink as _, Summary, Verdict, testing};

/// What a reader of its line gets.
pub(crate) fn fields(item: &Item<'_>) -> Fields {
    let mut text = Vec::new();
    Json::new(&mut text, testing::origin()).write(item).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// What becomes of a health line, a connection, a summary, a peer, a finding and a lack.
pub(crate) fn items<T>(mut of: impl FnMut(&Item<'_>) -> T) -> Vec<T> {
    let (connection, identity) = (testing::closed_connection(), testing::identity());
    let (key, totals, peer) = (testing::key(), testing::totals(), testing::peer());
    let (finding, lack) = (testing::finding(), testing::lack());
    let identity = Some(&identity);
    let (at_ns, window_s) = (5_000_000_000, 15.0);
    [
        Item::Health(&testing::health()),
        Item::Connection(Ended::new(&connection, identity).unwrap()),
        Item::Summary(Summary { at_ns, window_s, key: &key, totals: &totals, identity }),
        Item::Peer(PeerSummary { at_ns, window_s, peer: &peer }),
        Item::Finding(Verdict { at_ns, state: None, finding: &finding, identity }),
        Item::NotEnough(NotEnough { at_ns, lack: &lack, identity }),
    ]
    .iter()
    .map(&mut of)
    .collect()
}
