//! Plans and broadcasts that tasks have fetched, decoded once for all tasks that need them.
//!
//! The tasks of a stage begin with the same plan and the same broadcasts. They are named by their digests, so what was decoded for
//! one task is right for every other, of whichever job.

use crate::blobs::{self, Blobs};
use crate::error::WorkerError;
use isoscope_core::plan::Plan;
use isoscope_core::state::Broadcast;
use isoscope_core::task::BlobRef;
use std::sync::{Arc, Mutex, PoisonError};

/// Most encoded bytes of plans, and of broadcasts, whose decoded form is kept.
const PLANS: u64 = 16 << 20;
const BROADCASTS: u64 = 128 << 20;

/// What was fetched last.
pub struct Fetched {
    plans: Recent<Plan>,
    broadcasts: Recent<Broadcast>,
}

impl Default for Fetched {
    fn default() -> Self {
        Self { plans: Recent::new(PLANS), broadcasts: Recent::new(BROADCASTS) }
    }
}

impl Fetched {
    /// Returns a plan, fetching it when it is not here.
    ///
    /// # Errors
    /// When it cannot be had or read.
    pub fn plan(&self, from: &dyn Blobs, blob: &BlobRef) -> Result<Arc<Plan>, WorkerError> {
        self.plans.get(blob, || Ok(Plan::from_bytes(&from.get(blob)?)?))
    }

    /// Returns a broadcast, fetching it when it is not here.
    ///
    /// # Errors
    /// When it cannot be had or read.
    pub fn broadcast(&self, from: &dyn Blobs, blob: &BlobRef) -> Result<Arc<Broadcast>, WorkerError> {
        self.broadcasts.get(blob, || blobs::get(from, "broadcast", blob))
    }
}

/// Decoded blobs by digest, the most recently used last, up to a number of encoded bytes.
struct Recent<T> {
    most: u64,
    kept: Mutex<Vec<Arc<Kept<T>>>>,
}

/// The place of one blob.
struct Kept<T> {
    blob: BlobRef,
    /// Held while fetching, so that two tasks never fetch the same blob.
    value: Mutex<Option<Arc<T>>>,
}

impl<T> Recent<T> {
    fn new(most: u64) -> Self {
        Self { most, kept: Mutex::default() }
    }

    fn get(
        &self,
        blob: &BlobRef,
        fetch: impl FnOnce() -> Result<T, WorkerError>,
    ) -> Result<Arc<T>, WorkerError> {
        let place = self.place(blob);
        let mut value = place.value.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*value {
            return Ok(Arc::clone(found));
        }
        let fresh = Arc::new(fetch()?);
        *value = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// The place of a blob, now the most recently used one. Those that no longer fit are forgotten; whoever uses one keeps it.
    fn place(&self, blob: &BlobRef) -> Arc<Kept<T>> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match all.iter().position(|kept| kept.blob == *blob) {
            Some(i) => all.remove(i),
            None => Arc::new(Kept { blob: blob.clone(), value: Mutex::new(None) }),
        };
        all.push(Arc::clone(&place));
        let mut bytes: u64 = all.iter().map(|kept| kept.blob.size).sum();
        while bytes > self.most && all.len() > 1 {
            bytes -= all.remove(0).blob.size;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::Cell;

    fn blob(name: &str, size: u64) -> BlobRef {
        BlobRef { digest: name.to_owned(), size }
    }

    #[test]
    fn a_blob_is_fetched_once_until_others_take_its_place() {
        let recent = Recent::new(10);
        let fetched = Cell::new(0);
        let get = |name: &str, size| {
            let fetch = || {
                fetched.set(fetched.get() + 1);
                Ok(name.len())
            };
            *recent.get(&blob(name, size), fetch).unwrap()
        };
        assert_eq!((get("a", 4), get("bb", 4), get("a", 4), fetched.get()), (1, 2, 1, 2));
        // The least recently used one makes room.
        assert_eq!((get("ccc", 4), get("a", 4), fetched.get()), (3, 1, 3));
        assert_eq!((get("bb", 4), fetched.get()), (2, 4));
        assert_eq!((get("larger", 40), get("larger", 40), fetched.get()), (6, 6, 5));
    }

    #[test]
    fn a_blob_that_could_not_be_had_is_asked_for_again() {
        let recent = Recent::new(10);
        let gone = || Err(WorkerError::task("gone"));
        assert!(recent.get(&blob("a", 1), gone).is_err());
        assert_eq!(*recent.get(&blob("a", 1), || Ok(7)).unwrap(), 7);
    }
}
