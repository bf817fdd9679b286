//! Where a study runs: on this machine, or on the workers of a coordinator elsewhere.

use super::Client;
use crate::connect::ConnectArgs;
use crate::local::Local;
use crate::scratch::Scratch;
use crate::settings::Settings;

/// A coordinator to run studies on, in this process or elsewhere.
pub(crate) struct Place {
    /// The way to it.
    pub(crate) client: Client,
    local: Option<Local>,
}

impl Place {
    /// Takes the coordinator that is named; without one, starts one and a worker in this process.
    ///
    /// # Errors
    /// When the address or token cannot be used, or the local ones do not start.
    pub(crate) async fn open(
        connect: &ConnectArgs,
        settings: &Settings,
        scratch: &Scratch,
    ) -> anyhow::Result<Self> {
        match connect.remote(&settings.client)? {
            Some(remote) => Ok(Self { client: Client::elsewhere(remote), local: None }),
            None => Self::here(settings, scratch).await,
        }
    }

    /// Starts a coordinator and a worker in this process.
    ///
    /// # Errors
    /// When they do not start.
    pub(crate) async fn here(settings: &Settings, scratch: &Scratch) -> anyhow::Result<Self> {
        let local = Local::start(&settings.worker, scratch).await?;
        Ok(Self { client: Client::here(local.link()), local: Some(local) })
    }

    /// Stops what was started, and passes `outcome` on; its failure says more than one of stopping.
    pub(crate) async fn close<T>(self, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
        drop(self.client);
        let stopped = match self.local {
            Some(local) => local.stop().await,
            None => Ok(()),
        };
        let kept = outcome?;
        stopped.map(|()| kept)
    }
}
