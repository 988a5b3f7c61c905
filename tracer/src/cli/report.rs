//! How to report: the options that every verb with a verdict shares.

use clap::Args;

use super::{FailOn, Output};

/// How to report.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Report {
    /// Report for people, or JSON lines for machines
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Also print each ended connection (JSON only)
    #[arg(long)]
    pub connections: bool,
    /// Also tell which peer addresses redial into the addresses this host serves
    #[arg(long)]
    pub peers: bool,
    /// Also tell which findings too little was seen for, and how much they need
    #[arg(long)]
    pub explain: bool,
    /// Exit with 1 on findings of this severity (info, warn, error) or a worse one, or with this
    /// code (one-shot, ...); several with commas, repeatable
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Exit with 3 if any record was lost, of anybody on this host: no option narrows losses
    #[arg(long)]
    pub strict: bool,
    /// Change a threshold of a finding; repeatable; `list` shows them all
    #[arg(long = "threshold", value_name = "NAME=VALUE")]
    pub thresholds: Vec<String>,
}
