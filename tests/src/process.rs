//! Processes of the program under test: what they print can be waited for, they never outlive a test, and one that fails shows
//! what they printed.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest that a test waits for anything. Generous, because a machine may be busy; a test that passes never waits so long.
pub const LIMIT: Duration = Duration::from_secs(100);

/// The binary beside this test; `cargo build -p isoscope` makes it when only this package was built.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let debug = test.ancestors().nth(2).expect("tests lie in target/debug/deps");
    let program = debug.join("isoscope");
    if !program.try_exists().expect("the folder can be read") {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace");
        let target = debug.parent().expect("tests lie in target/debug/deps");
        let mut build = Command::new(cargo);
        build.current_dir(root).args(["build", "--quiet", "-p", "isoscope", "--target-dir"]).arg(target);
        assert!(build.status().expect("cargo can be started").success(), "the program could not be built");
    }
    program
}

/// What a process has printed so far.
#[derive(Debug, Default)]
pub struct Lines {
    state: Mutex<Printed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn state(&self) -> MutexGuard<'_, Printed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(self: &Arc<Self>, from: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                lines.state().lines.push(line);
                lines.changed.notify_all();
            }
            lines.state().ended = true;
            lines.changed.notify_all();
        })
    }

    /// Waits until `look` finds something in what was printed; `None` when the process ended without it.
    fn wait<T>(&self, mut look: impl FnMut(&[String]) -> Option<T>) -> Result<Option<T>, &'static str> {
        let mut found = None;
        let unfinished = |printed: &mut Printed| {
            found = look(&printed.lines);
            found.is_none() && !printed.ended
        };
        let waited = self.changed.wait_timeout_while(self.state(), LIMIT, unfinished);
        let (_printed, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() { Err("it took too long") } else { Ok(found) }
    }

    /// Everything printed so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.state().lines.join("\n")
    }
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

impl Process {
    /// Starts a process; `name` is for messages.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name} cannot be started: {e}"));
        let (stdout, stderr) = (Arc::<Lines>::default(), Arc::<Lines>::default());
        let readers = vec![
            stdout.read(child.stdout.take().expect("it is piped")),
            stderr.read(child.stderr.take().expect("it is piped")),
        ];
        Self { name: name.to_owned(), child, stdout, stderr, readers }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the `n`th line on standard output, from 0; `None` when it ends before.
    ///
    /// # Panics
    /// When that takes too long.
    #[must_use]
    pub fn line(&self, n: usize) -> Option<String> {
        self.stdout.wait(|lines| lines.get(n).cloned()).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Waits until it has logged a line that contains `text`.
    ///
    /// # Panics
    /// When it ends without it or takes too long.
    pub fn until_logged(&self, text: &str) {
        let seen = self.stderr.wait(|lines| lines.iter().any(|line| line.contains(text)).then_some(()));
        assert!(matches!(seen, Ok(Some(()))), "{} has not logged `{text}`: {seen:?}", self.name);
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, signal).unwrap_or_else(|e| panic!("{} is gone: {e}", self.name));
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When that takes too long.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let ended = self.stdout.wait(|_| None::<()>);
        assert!(ended.is_ok(), "{} does not end: {ended:?}", self.name);
        let status: ExitStatus = self.child.wait().expect("it is ours to wait for");
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        Ended { code: status.code(), stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        for reader in self.readers.drain(..) {
            drop(reader.join());
        }
        if std::thread::panicking() {
            eprintln!(
                "--- {} printed\n{}\n--- and logged\n{}",
                self.name,
                self.stdout.text(),
                self.stderr.text()
            );
        }
    }
}
