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
use super::interval::{Before, Interval};
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
use crate::connection::Role;

/// The memory of one kind of verdict about one key, of bounded size.
pub(super) trait Detector: Clone + Default {
    /// Takes in one interval.
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds);

    /// Takes over the memory of another process of the same executable.
    fn merge(&mut self, other: &Self);

    /// The verdict as of the last tick; `None` if there is nothing to say.
    fn judge(&self, view: &View<'_>) -> Option<Finding>;
}

macro_rules! detectors {
    ($($field:ident: $detector:ty, $of:ident;)*) => {
        /// The memory of all detectors about one key.
        #[derive(Clone, Debug, Default)]
        pub struct Detectors {
            before: Before,
            $($field: $detector,)*
        }

        impl Memory for Detectors {
            type Rules = Thresholds;

            fn observe(&mut self, slice: &Slice<'_>, thresholds: &Thresholds) {
                // All connections of a key are of one role.
                let is_server = slice.all().next().is_some_and(|c| c.role == Some(Role::Server));
                let interval = Interval::new(slice, &self.before);
                $(if Of::$of == Of::Any || !is_server {
                    Detector::observe(&mut self.$field, &interval, thresholds);
                })*
                let Interval { dials, needed, .. } = interval;
                self.before.observe(slice, &dials, &needed);
            }

            fn is_at_rest(&self) -> bool {
                // The others forget at once what was open.
                self.port_pressure.sources.is_empty()
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

/// Which keys a detector can ever say something about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// All.
    Any,
    /// Those whose connections we dialled, or of which that is not known.
    Client,
}

detectors! {
    one_shot: OneShot, Client;
    unread_close: UnreadClose, Client;
    pool_too_small: PoolTooSmall, Client;
    hoard: Hoard, Client;
    cancelled_exchange: CancelledExchange, Client;
    short_lived_process: ShortLivedProcess, Client;
    close_wait_leak: CloseWaitLeak, Any;
    connect_refused: ConnectRefused, Client;
    peer_closes_each: PeerClosesEach, Client;
    peer_recycles: PeerRecycles, Client;
    peer_idle_timeout: PeerIdleTimeout, Client;
    client_idle_timeout: ClientIdleTimeout, Client;
    connect_timeout: ConnectTimeout, Client;
    connect_unreachable: ConnectUnreachable, Client;
    dial_cancelled: DialCancelled, Client;
    resets_received: ResetsReceived, Client;
    resets_sent: ResetsSent, Any;
    abortive_close: AbortiveClose, Any;
    stale_reuse: StaleReuse, Client;
    client_recycles: ClientRecycles, Client;
    port_pressure: PortPressure, Client;
    dials: Dials, Client;
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
