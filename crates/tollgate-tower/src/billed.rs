//! What a provider may bill for an answer that nobody saw the end of.

use tollgate_core::{ErrorKind, Head, Observed, Outcome, Usage};

/// How an answer ended, as its reader saw it; the client went away if it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Failed(ErrorKind),
}

/// Notes an estimate of the input, where a provider worked on a request and had no chance to tell usage.
pub(crate) fn note_estimate(observed: &mut Observed, head: &Head, ended: Option<Ended>) {
    let is_over = observed.outcome == Outcome::Complete;
    if observed.usage.is_none() && observed.attempts > 0 && !is_over && may_be_billed(ended) {
        let input = Some(head.estimated_input());
        observed.usage = Some(Usage { input, estimated: true, ..Usage::default() });
    }
}

/// Whether a provider may have worked on a request of which it told no usage: not if it refused it or was not there.
pub(crate) fn may_be_billed(ended: Option<Ended>) -> bool {
    match ended {
        None => true,
        Some(Ended::Well) => false,
        Some(Ended::Failed(kind)) => matches!(kind, ErrorKind::UpstreamTimeout | ErrorKind::UpstreamInvalid),
    }
}
