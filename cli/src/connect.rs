//! The way to a coordinator elsewhere: its address and the token, from flags, the environment and settings. The doc comments of the flags
//! are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use crate::failure::Failure;
use crate::settings::ClientSettings;
use crate::token;
use clap::Args;
use isoscope_proto::link::{Link, LinkError, connect_lazy};
use std::path::PathBuf;

/// Which coordinator to speak to.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConnectArgs {
    /// Address of the coordinator, e.g. http://127.0.0.1:50551; otherwise the setting client.coordinator.
    #[arg(long, value_name = "URL", env = "ISOSCOPE_COORDINATOR")]
    pub(crate) coordinator: Option<String>,
    /// File with the token that the coordinator asks for; otherwise the setting client.token_file.
    #[arg(long, value_name = "FILE", env = "ISOSCOPE_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// A coordinator that is not in this process. Nothing has been sent to it yet.
pub(crate) struct Remote {
    /// Its address, for messages.
    pub(crate) url: String,
    /// The way to its services.
    pub(crate) link: Link,
}

impl ConnectArgs {
    /// The coordinator that is named, if any; a flag without text takes the setting back.
    ///
    /// # Errors
    /// When the address or the token cannot be used.
    pub(crate) fn remote(&self, settings: &ClientSettings) -> Result<Option<Remote>, Failure> {
        let url = self.coordinator.clone().unwrap_or_else(|| settings.coordinator.clone());
        if url.is_empty() {
            return Ok(None);
        }
        let (file, key) = match &self.token_file {
            Some(file) => (file.clone(), "--token-file"),
            None => (settings.token_file.clone(), "client.token_file"),
        };
        let token =
            if file.as_os_str().is_empty() { None } else { Some(token::read(&file).map_err(|e| e.at(key))?) };
        let link = connect_lazy(&url, token.as_deref()).map_err(|error| match error {
            LinkError::Address { .. } => Failure::field("--coordinator", error.to_string()),
            LinkError::Token => Failure::field(key, error.to_string()),
        })?;
        Ok(Some(Remote { url, link }))
    }

    /// The coordinator that is named.
    ///
    /// # Errors
    /// When none is named, and as [`ConnectArgs::remote`].
    pub(crate) fn required(&self, settings: &ClientSettings) -> Result<Remote, Failure> {
        let missing = "no coordinator is named: give its address as http://HOST:PORT, here, in ISOSCOPE_COORDINATOR or in the \
                       setting client.coordinator";
        self.remote(settings)?.ok_or_else(|| Failure::field("--coordinator", missing))
    }
}
