//! The gate: a metric in C that holds a task until a test lets it go, so that faults strike while work is in flight.

use crate::process::LIMIT;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Compiles the metric against the plugin header alone. `op` is the id of the op, `id` that of the plugin.
///
/// # Panics
/// When there is no C compiler, or it fails.
pub fn compile(to: &Path, id: &str, op: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let include = here.join("../core/plugin-abi/include");
    let macros = [format!("-DID=\"{id}\""), format!("-DOP=\"{op}\"")];
    compile_c(&here.join("fixtures/gate/gate.c"), &include, &macros, to);
}

/// Compiles a plugin in C, with `flags` besides those that every plugin needs.
///
/// # Panics
/// When there is no C compiler, or it fails.
pub fn compile_c(source: &Path, include: &Path, flags: &[String], to: &Path) {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(&compiler);
    command.args(["-std=c11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Werror", "-I"]);
    command.arg(include).args(flags).arg("-o").arg(to).arg(source).arg("-lm");
    let done = command.output();
    let done = done.unwrap_or_else(|e| panic!("these tests need a C compiler: cannot run {compiler}: {e}"));
    assert!(done.status.success(), "{compiler} failed: {}", String::from_utf8_lossy(&done.stderr));
}

/// A task that waits at the gate.
#[derive(Debug)]
pub struct Struck {
    /// The process that runs it.
    pub pid: u32,
    stream: BufReader<UnixStream>,
}

impl Struck {
    /// Waits until the task has left the gate by itself, because it was taken back or its process died.
    ///
    /// # Panics
    /// When it stays.
    pub fn until_gone(mut self) {
        self.stream.get_ref().set_read_timeout(Some(LIMIT)).expect("a time can be set");
        let read = self.stream.read(&mut [0; 8]);
        assert!(matches!(read, Ok(0)), "the task of process {} is still at the gate: {read:?}", self.pid);
    }
}

/// The gate: a socket at which tasks report and wait. Shut at first.
#[derive(Debug)]
pub struct Gate {
    path: PathBuf,
    arrived: Receiver<Struck>,
    /// Where those that arrive go; `None` once the gate is open.
    waiting: Arc<Mutex<Option<Sender<Struck>>>>,
    porter: Option<JoinHandle<()>>,
}

impl Gate {
    /// Puts up a gate in `directory`.
    ///
    /// # Panics
    /// When the socket cannot be made.
    #[must_use]
    pub fn shut(directory: &Path, name: &str) -> Self {
        let path = directory.join(format!("{name}.gate"));
        let listener = UnixListener::bind(&path).expect("the path is short enough for a socket");
        let (sender, arrived) = channel();
        let waiting = Arc::new(Mutex::new(Some(sender)));
        let (shared, porter) = (Arc::clone(&waiting), move |waiting| admit(&listener, waiting));
        let porter = std::thread::spawn(move || porter(shared));
        Self { path, arrived, waiting, porter: Some(porter) }
    }

    /// Where the gate is, for `ISOSCOPE_GATE`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until a task stands at the gate.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn struck(&self) -> Struck {
        self.arrived.recv_timeout(LIMIT).expect("a task comes to the gate")
    }

    /// Lets everybody pass from now on, those who wait too.
    pub fn open(&self) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
        while self.arrived.try_recv().is_ok() {}
    }
}

/// Receives those who come, until a connection is closed without a word.
fn admit(listener: &UnixListener, waiting: Arc<Mutex<Option<Sender<Struck>>>>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let (mut stream, mut line) = (BufReader::new(stream), String::new());
        if stream.read_line(&mut line).is_err() {
            continue;
        }
        let Ok(pid) = line.trim().parse() else { return };
        if let Some(waiting) = &*waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            drop(waiting.send(Struck { pid, stream }));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
        drop(UnixStream::connect(&self.path));
        if let Some(porter) = self.porter.take() {
            drop(porter.join());
        }
    }
}
