//! Encoders from a hub and from a store, as people run the program: what is fetched, kept, verified and written down.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod hub;
mod place;
mod store;
