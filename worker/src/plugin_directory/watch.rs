//! Keeps an offer up to date with a plugin directory.

use super::PluginDirectory;
use crate::offer::Offer;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch::Sender;

/// How often the directory is looked at. It is polled because a network file system tells nobody of files that another
/// machine writes, and shared directories are what fleets have.
const INTERVAL: Duration = Duration::from_secs(2);

/// Looks at a directory for ever and publishes every change.
pub(crate) async fn watch(directory: PluginDirectory, offer: Arc<Sender<Arc<Offer>>>) {
    let directory = Arc::new(Mutex::new(directory));
    let mut looks = tokio::time::interval(INTERVAL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let looked_at = Arc::clone(&directory);
        let look = tokio::task::spawn_blocking(move || {
            looked_at.lock().unwrap_or_else(PoisonError::into_inner).poll()
        });
        match look.await {
            Ok(found) => {
                offer.send_if_modified(|current| {
                    let changed = !current.is_same(&found);
                    if changed {
                        *current = Arc::new(found);
                    }
                    changed
                });
            }
            Err(panic) => tracing::error!(%panic, "looking at the plugin directory failed"),
        }
    }
}
