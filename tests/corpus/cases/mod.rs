//! Every case: a file for each language or program that is the client.

mod curl;
mod databases;
mod go;
mod java;
mod libraries;
mod network;
mod node;
mod processes;
mod proxies;
mod python;
mod scripts;

use crate::scene::Scene;

/// One case.
pub(crate) struct Case {
    /// Its name, and that of its recording.
    pub(crate) name: &'static str,
    /// Every code that is found, about whomever; none if all are healthy.
    pub(crate) codes: Vec<&'static str>,
    /// Plays it. It sets the stage, begins and ends the observation, and says who was there.
    pub(crate) play: Box<dyn Fn(&mut Scene) + Send + Sync>,
    /// Whether it is played in a network namespace of its own, tracer included.
    pub(crate) is_apart: bool,
}

impl Case {
    /// One that is played by a function of its own.
    pub(crate) fn new(
        name: &'static str,
        codes: &[&'static str],
        play: impl Fn(&mut Scene) + Send + Sync + 'static,
    ) -> Self {
        Self { name, codes: codes.to_vec(), play: Box::new(play), is_apart: false }
    }

    /// It is played in a network namespace of its own, tracer included.
    pub(crate) fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let files = [
        go::cases,
        network::cases,
        python::cases,
        curl::cases,
        libraries::cases,
        node::cases,
        java::cases,
        scripts::cases,
        processes::cases,
        databases::cases,
        proxies::cases,
    ];
    files.into_iter().flat_map(|cases: fn() -> Vec<Case>| cases()).collect()
}
