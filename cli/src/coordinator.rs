//! `isoscope coordinator`.

use crate::failure::Failure;
use crate::settings::CoordinatorSettings;
use crate::signals::Signals;
use crate::token;
use anyhow::Context as _;
use clap::Args;
use isoscope_coordinator::{Coordinator, CoordinatorConfig};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

/// Arguments of `coordinator`.
#[derive(Debug, Args)]
pub(crate) struct CoordinatorArgs {
    /// Address and port to listen on; port 0 takes a free one. By default 127.0.0.1:50551.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Directory of the database and the blobs; by default isoscope/coordinator in the user's state directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// File with the token that clients and workers must show.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Listen beyond this machine without a token: everybody who reaches the port may then use it.
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// Serves until the first signal; then ends what it holds, and at the second signal nothing more.
pub(crate) async fn run(args: &CoordinatorArgs, settings: &CoordinatorSettings) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let config = configured(settings)?;
    let listener = listen(&settings.listen, config.token.is_some() || args.insecure).await?;
    let address = listener.local_addr()?;
    let coordinator = Coordinator::open(config).await.map_err(|e| Failure::Input(chain(&e)))?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{address}")?;
    out.flush()?;

    // Answers are small and waited for.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let stop = CancellationToken::new();
    let mut serving = std::pin::pin!(coordinator.serve(incoming, stop.clone().cancelled_owned()));
    loop {
        tokio::select! {
            served = &mut serving => return served.context("the coordinator stopped"),
            () = signals.next() => if stop.is_cancelled() { return Ok(()) } else { stop.cancel() },
        }
    }
}

fn configured(settings: &CoordinatorSettings) -> Result<CoordinatorConfig, Failure> {
    let field = |violation| Failure::Study(isoscope_core::violation::Violations(vec![violation]));
    let token = match &settings.token_file {
        none if none.as_os_str().is_empty() => None,
        file => Some(token::read(file).map_err(|e| e.at("coordinator.token_file"))?),
    };
    Ok(CoordinatorConfig {
        session_ttl: settings.session_ttl().map_err(field)?,
        heartbeat: settings.heartbeat().map_err(field)?,
        max_losses: settings.max_losses,
        max_failures: settings.max_failures,
        token,
        ..CoordinatorConfig::new(settings.resolved_state_directory())
    })
}

/// Binds `address`; beyond this machine only when `anywhere`.
async fn listen(address: &str, anywhere: bool) -> Result<TcpListener, Failure> {
    let wrong = |reason: String| Failure::field("coordinator.listen", format!("`{address}`: {reason}"));
    let found =
        tokio::net::lookup_host(address).await.map_err(|e| wrong(format!("{e}; write it as HOST:PORT")))?;
    let found: Vec<SocketAddr> = found.collect();
    if !anywhere && found.iter().any(|address| !address.ip().is_loopback()) {
        let reason = "other machines could reach it without showing a token; name a token file with --token-file, listen on \
                      127.0.0.1, or say --insecure";
        return Err(wrong(reason.to_owned()));
    }
    TcpListener::bind(found.as_slice()).await.map_err(|e| wrong(e.to_string()))
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let more = cause.to_string();
        if text.contains(&more) { text } else { format!("{text}: {more}") }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_listened_on_without_a_token() {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let refused = listen(address, false).await.unwrap_err().to_string();
            assert!(refused.contains("--token-file") && refused.contains("--insecure"), "{refused}");
        }
        assert!(listen("127.0.0.1:0", false).await.unwrap().local_addr().unwrap().port() > 0);
        assert!(listen("0.0.0.0:0", true).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_without_a_port_is_refused_with_the_form_it_should_have() {
        assert!(listen("127.0.0.1", false).await.unwrap_err().to_string().contains("HOST:PORT"));
    }
}
