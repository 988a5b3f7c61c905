//! What to change, by verdict and runtime: a table of texts, one file for each group of runtimes.
//!
//! Most likely fix first, settings in backquotes by their exact names, defaults as their makers
//! document them. `docs/advice.md` is the same table.

mod commands;
mod cpython;
mod dotnet;
mod generic;
mod go;
mod jvm;
mod node;
mod php;
mod proxies;
mod ruby;

use super::Code;
use crate::process::RuntimeKind;

/// What to change: for the runtime where there is something of its own to say, else for any.
#[must_use]
pub fn of(code: Code, runtime: Option<RuntimeKind>) -> &'static str {
    runtime.and_then(|runtime| own(code, runtime)).unwrap_or_else(|| generic::of(code))
}

/// What only holds for the runtime.
const fn own(code: Code, runtime: RuntimeKind) -> Option<&'static str> {
    match runtime {
        RuntimeKind::Go => go::of(code),
        RuntimeKind::Jvm => jvm::of(code),
        RuntimeKind::CPython => cpython::of(code),
        RuntimeKind::Node => node::of(code),
        RuntimeKind::Ruby => ruby::of(code),
        RuntimeKind::Php => php::of(code),
        RuntimeKind::Perl => commands::perl(code),
        RuntimeKind::DotNet => dotnet::of(code),
        RuntimeKind::Curl => commands::curl(code),
        RuntimeKind::Wget => commands::wget(code),
        RuntimeKind::Nginx => proxies::nginx(code),
        RuntimeKind::HaProxy => proxies::haproxy(code),
        RuntimeKind::Envoy => proxies::envoy(code),
        RuntimeKind::Psql => commands::psql(code),
        RuntimeKind::RedisCli => commands::redis_cli(code),
        RuntimeKind::LibHiredis => commands::hiredis(code),
        RuntimeKind::LibCurl => commands::libcurl(code),
        RuntimeKind::LibPq => commands::libpq(code),
        RuntimeKind::Deno | RuntimeKind::Bun | RuntimeKind::Shell => None,
    }
}

#[cfg(test)]
mod tests;
