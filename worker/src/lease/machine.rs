//! What a worker is: the machine that it runs on, and the class of its numbers.

use crate::offer::Offer;
use isoscope_encoders::ComputeDevice;
use isoscope_encoders::model_types;
use isoscope_plugin_host::{OpenBlas, openblas_in_use};
use isoscope_proto::v1::{Capabilities, OfferedPlugin, RejectedPlugin};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Describes the class of machines whose bits equal this one's: device, kernels, and the vector unit or the generation of GPUs that
/// they dispatch to; on a CPU also the BLAS, whose versions and kernels sum in different orders. The number format is the study's.
#[must_use]
pub fn numerics_class(device: &ComputeDevice) -> String {
    if let Some(capability) = device.compute_capability() {
        return format!("cuda-packed3-sm{capability}");
    }
    let blas = openblas_in_use().map_or_else(|| "blas".to_owned(), OpenBlas::word);
    format!("cpu-packed5-{}-{}-{blas}", std::env::consts::ARCH, vector_unit())
}

#[cfg(target_arch = "x86_64")]
fn vector_unit() -> &'static str {
    if std::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "base"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_unit() -> &'static str {
    "base"
}

/// Number formats that a study may ask for.
const NUMBER_FORMATS: &str = "f32, f16, bf16";

/// What stays the same while a worker runs.
pub(super) struct Machine {
    pub(super) numerics_class: String,
    device: String,
    slots: u32,
    memory_bytes: u64,
}

impl Machine {
    /// Looks at this machine.
    pub(super) fn new(slots: usize, device: &ComputeDevice) -> Self {
        let slots = u32::try_from(slots.max(1)).unwrap_or(u32::MAX);
        let (numerics_class, device) = (numerics_class(device), device.name().to_string());
        Self { numerics_class, device, slots, memory_bytes: memory_bytes() }
    }

    /// What the coordinator is told, with the offer of the moment.
    pub(super) fn capabilities(&self, offer: &Offer) -> Capabilities {
        let plugins = offer.plugins.iter().map(|plugin| OfferedPlugin {
            id: plugin.id().to_owned(),
            version: plugin.version().to_owned(),
            digest: plugin.digest().to_owned(),
            source: plugin.source().to_owned(),
            manifest_json: plugin.manifest_json().to_owned(),
        });
        let rejected = offer.rejected.iter().map(|file| RejectedPlugin {
            source: file.source.clone(),
            digest: file.digest.clone(),
            reason: file.reason.clone(),
        });
        Capabilities {
            device: self.device.clone(),
            dtype: NUMBER_FORMATS.to_owned(),
            numerics_class: self.numerics_class.clone(),
            slots: self.slots,
            memory_bytes: self.memory_bytes,
            encoder_families: model_types().map(str::to_owned).collect(),
            plugins: plugins.collect(),
            rejected_plugins: rejected.collect(),
        }
    }
}

/// Memory that this process may use: that of its control group, where one sets a bound, else that of the machine.
fn memory_bytes() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let machine = system.total_memory();
    system.cgroup_limits().map_or(machine, |limits| limits.total_memory.min(machine))
}
