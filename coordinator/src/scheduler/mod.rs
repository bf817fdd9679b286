//! The scheduler: which tasks come next, given a plan and what has been done. Pure; no clock, no I/O.
//!
//! A job begins with a survey; its facts become a plan ([`resolve`]). From then on [`JobProgress`] is told of every finished
//! task and answers with those that it made runnable. Subjects advance on their own:
//!
//! ```text
//! stage s:  a pass per block ──► a merge per group of several blocks ──► a finish per layer ──► stage s + 1, or the end
//! ```
//!
//! The set of tasks follows from the plan and the outputs alone, never from the order in which tasks end, and the state is
//! rebuilt by replaying finished tasks.

mod key;
mod placement;
mod planning;
mod progress;
mod subject;

pub use key::TaskKey;
pub use placement::{Candidate, Capabilities, Need, Offered, Refusal, Rejected, nobody_serves, refusal};
pub use planning::{headline, resolve};
pub(crate) use planning::{model_of, op_refs};
pub use progress::{JobProgress, ProgressError, Summary};

#[cfg(test)]
mod tests;
