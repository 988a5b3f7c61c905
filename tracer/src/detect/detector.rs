//! The shape of a detector, and the set of all of them.

use super::abortive_close::AbortiveClose;
use super::cancelled_exchange::CancelledExchange;
use super::client_idle_timeout::ClientIdleTimeout;
use super::client_recycles::ClientRecycles;
use super::close_wait_leak::CloseWaitLeak;
use super::connect_refused::ConnectRefused;
use super::connect_timeout::ConnectTimeout;
use super::connect_unreachable::ConnectUnreachable;
use super::dial_cancelled::DialCancelled;
use super::dials::Dials;
use super::hoard::Hoard;
use super::one_shot::OneShot;
use super::peer_closes_each::PeerClosesEach;
use super::peer_idle_timeout::PeerIdleTimeout;
use super::peer_recycles::PeerRecycles;
use super::pool_too_small::PoolTooSmall;
use super::port_pressure::PortPressure;
use super::port_use::Sources;
use super::resets_received::ResetsReceived;
use super::resets_sent::ResetsSent;
use super::short_lived_process::ShortLivedProcess;
use super::stale_reuse::StaleReuse;
use super::unread_close::UnreadClose;
use super::{Finding, Thresholds, View};
use crate::aggregate::{Memory, Slice};

/// The memory of one kind of verdict about one key, of bounded size.
pub trait Detector: Clone + Default {
    /// Takes in one interval.
    fn observe(&mut self, slice: &Slice<'_>, thresholds: &Thresholds);

    /// Takes over the memory of another process of the same executable.
    fn merge(&mut self, other: &Self);

    /// The verdict as of the last tick; `None` if there is nothing to say.
    fn judge(&self, view: &View<'_>) -> Option<Finding>;
}

macro_rules! detectors {
    ($($field:ident: $detector:ty,)*) => {
        /// The memory of all detectors about one key.
        #[derive(Clone, Debug, Default)]
        pub struct Detectors { $($field: $detector,)* }

        impl Memory for Detectors {
            type Rules = Thresholds;

            fn observe(&mut self, slice: &Slice<'_>, thresholds: &Thresholds) {
                $(Detector::observe(&mut self.$field, slice, thresholds);)*
            }

            fn merge(&mut self, other: &Self) {
                $(Detector::merge(&mut self.$field, &other.$field);)*
            }
        }

        impl Detectors {
            /// Every verdict about the key, before one per cause is chosen.
            pub(super) fn judge(&self, view: &View<'_>) -> Vec<Finding> {
                [$(Detector::judge(&self.$field, view),)*].into_iter().flatten().collect()
            }
        }
    };
}

detectors! {
    one_shot: OneShot,
    unread_close: UnreadClose,
    pool_too_small: PoolTooSmall,
    hoard: Hoard,
    cancelled_exchange: CancelledExchange,
    short_lived_process: ShortLivedProcess,
    close_wait_leak: CloseWaitLeak,
    connect_refused: ConnectRefused,
    peer_closes_each: PeerClosesEach,
    peer_recycles: PeerRecycles,
    peer_idle_timeout: PeerIdleTimeout,
    client_idle_timeout: ClientIdleTimeout,
    connect_timeout: ConnectTimeout,
    connect_unreachable: ConnectUnreachable,
    dial_cancelled: DialCancelled,
    resets_received: ResetsReceived,
    resets_sent: ResetsSent,
    abortive_close: AbortiveClose,
    stale_reuse: StaleReuse,
    client_recycles: ClientRecycles,
    port_pressure: PortPressure,
    dials: Dials,
}

impl Detectors {
    /// The ports that the key's connections hold.
    pub(super) const fn sources(&self) -> &Sources {
        &self.port_pressure.sources
    }

    /// When the key's dials were answered and when they failed.
    pub(super) const fn dials(&self) -> &Dials {
        &self.dials
    }
}
