//! A Slurm cluster of one node on this machine, made of the distribution's own daemons.

use isoscope_tests::process::Process;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A controller and a node, for as long as this lives.
pub(crate) struct Cluster {
    configuration: PathBuf,
    /// Where jobs are submitted and write their logs.
    place: PathBuf,
    _controller: Process,
    _node: Process,
}

impl Cluster {
    /// Starts one in `place`; none where Slurm is not installed.
    pub(crate) fn start(place: &Path) -> Option<Self> {
        let found = command("slurmd").arg("-V").output();
        if !found.is_ok_and(|found| found.status.success()) {
            return None;
        }
        let configuration = place.join("slurm.conf");
        fs::write(&configuration, settings(place)).unwrap();
        for folder in ["controller", "node"] {
            fs::create_dir(place.join(folder)).unwrap();
        }
        let controller = Process::start("slurmctld", command("slurmctld").arg("-Df").arg(&configuration));
        controller.until_logged("Running as primary controller");
        let node = Process::start("slurmd", command("slurmd").arg("-Df").arg(&configuration));
        node.until_logged("slurmd started");
        Some(Self { configuration, place: place.to_owned(), _controller: controller, _node: node })
    }

    /// One of Slurm's commands, untouched by the environment of the test.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.current_dir(&self.place).env("SLURM_CONF", &self.configuration);
        command
    }

    /// Runs one of Slurm's commands, which must succeed, and returns what it printed.
    pub(crate) fn print(&self, program: &str, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(program).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{program} {}: {stderr}", arguments.join(" "));
        String::from_utf8(stdout).unwrap().trim().to_owned()
    }

    /// Waits until a job has ended for good: Slurm itself runs something after it.
    pub(crate) fn until_ended(&self, job: &str) {
        let after = format!("--dependency=afterany:{job}");
        let waited = Process::start("srun", self.command("srun").args([&after, "--mem=1", "true"])).wait();
        assert_eq!(waited.code, Some(0), "{}", waited.stderr);
    }

    /// Follows a file that a job writes, from its beginning and even before it is there.
    pub(crate) fn follow(&self, file: &str) -> Process {
        let mut tail = Command::new("tail");
        Process::start(file, tail.args(["--lines=+1", "--follow=name", "--retry"]).arg(self.place.join(file)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // After a failure jobs may still run. They would outlive the daemons, so they are ended and waited for.
        let Ok(running) = self.command("squeue").args(["--noheader", "--format=%A"]).output() else { return };
        let running = String::from_utf8_lossy(&running.stdout);
        let jobs: Vec<&str> = running.split_whitespace().collect();
        if jobs.is_empty() {
            return;
        }
        for flags in [&["--full", "--signal=KILL"][..], &[]] {
            drop(self.command("scancel").args(flags).args(&jobs).output());
        }
        let after = format!("--dependency=afterany:{}", jobs.join(":"));
        drop(self.command("timeout").args(["20", "srun", &after, "--mem=1", "true"]).output());
    }
}

/// A program that may lie where only root's shell looks.
fn command(program: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin");
    let mut command = Command::new(program);
    command.env("PATH", path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE")) {
        command.env_remove(name);
    }
    command
}

/// The configuration: no authentication, no accounting, nothing outside `place`, and nothing waits longer than it must.
fn settings(place: &Path) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim().split('.').next().unwrap();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let (user, place) = (String::from_utf8(user).unwrap(), place.display());
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [controller, node] = ports.map(|listener| listener.local_addr().unwrap().port());
    format!(
        "ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
StateSaveLocation={place}/controller
SlurmdSpoolDir={place}/node
SlurmctldPidFile={place}/controller.pid
SlurmdPidFile={place}/node.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=64 RealMemory=1000000
PartitionName=main Nodes=ALL Default=YES State=UP
"
    )
}
