//! A web server on this machine, on a port of its own, which notes what it is asked for.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, header};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Path, as it was sent.
    pub path: String,
    /// What stands after the question mark.
    pub query: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
}

/// A server; it ends with this value.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that answers every request so.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener need not block");
        let address = listener.local_addr().expect("a listener has an address");
        let (seen, answer) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(answer));
        let noted = Arc::clone(&seen);
        let handle = move |request: Request| {
            let authorization = request.headers().get(header::AUTHORIZATION);
            let asked = Seen {
                path: request.uri().path().to_owned(),
                query: request.uri().query().unwrap_or_default().to_owned(),
                authorization: authorization
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            };
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
            std::future::ready(answer(&asked))
        };
        let router = Router::new().fallback(handle);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    ended = async { axum::serve(listener, router).await } => ended.expect("the server serves"),
                    _ = stopped => (),
                }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked for so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread ends when this end of the channel is gone.
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}
