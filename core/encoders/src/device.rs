//! The device that encoders run on, and the number format that they run in.

use std::fmt;
use std::str::FromStr;

use candle_core::DType;

use crate::error::EncoderError;

/// Names a device: `cpu`, or `cuda:0` for the first GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceName {
    /// The cores of the machine.
    #[default]
    Cpu,
    /// An NVIDIA GPU, by its ordinal.
    Cuda(usize),
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let ordinal = |text: &str| text.parse().ok();
        match name.split_once(':') {
            None if name == "cpu" => Some(Self::Cpu),
            None if name == "cuda" => Some(Self::Cuda(0)),
            Some(("cuda", number)) => ordinal(number).map(Self::Cuda),
            _ => None,
        }
        .ok_or_else(|| format!("`{name}` is no device; there are cpu, cuda (the first GPU) and cuda:N"))
    }
}

/// An open device; cloning shares it.
#[derive(Clone, Debug)]
pub struct ComputeDevice {
    name: DeviceName,
    pub(crate) inner: candle_core::Device,
}

impl ComputeDevice {
    /// Returns the cores of the machine.
    #[must_use]
    pub fn cpu() -> Self {
        Self { name: DeviceName::Cpu, inner: candle_core::Device::Cpu }
    }

    /// Opens a device.
    ///
    /// # Errors
    /// [`EncoderError::Device`] when there is no such GPU, its driver is too old, or this program was built without the feature
    /// `cuda`.
    pub fn open(name: DeviceName) -> Result<Self, EncoderError> {
        match name {
            DeviceName::Cpu => Ok(Self::cpu()),
            DeviceName::Cuda(ordinal) => Ok(Self { name, inner: open_gpu(ordinal)? }),
        }
    }

    /// Returns the name that the device was opened by.
    #[must_use]
    pub fn name(&self) -> DeviceName {
        self.name
    }

    /// Returns the compute capability of a GPU, such as 90 for 9.0; `None` for the CPU.
    #[must_use]
    pub fn compute_capability(&self) -> Option<i32> {
        capability(&self.inner)
    }

    /// Returns the memory of a GPU in bytes; `None` for the CPU.
    #[must_use]
    pub fn memory_bytes(&self) -> Option<u64> {
        memory(&self.inner)
    }
}

#[cfg(feature = "cuda")]
fn open_gpu(ordinal: usize) -> Result<candle_core::Device, EncoderError> {
    isoscope_cuda::open(ordinal).map_err(|error| EncoderError::Device {
        device: DeviceName::Cuda(ordinal),
        reason: error.to_string(),
    })
}

#[cfg(not(feature = "cuda"))]
fn open_gpu(ordinal: usize) -> Result<candle_core::Device, EncoderError> {
    let reason = "this program was built without the feature `cuda`".to_owned();
    Err(EncoderError::Device { device: DeviceName::Cuda(ordinal), reason })
}

#[cfg(feature = "cuda")]
fn capability(device: &candle_core::Device) -> Option<i32> {
    isoscope_cuda::compute_capability(device).ok().map(|(major, minor)| 10 * major + minor)
}

#[cfg(not(feature = "cuda"))]
fn capability(_: &candle_core::Device) -> Option<i32> {
    None
}

#[cfg(feature = "cuda")]
fn memory(device: &candle_core::Device) -> Option<u64> {
    isoscope_cuda::memory_bytes(device).ok()
}

#[cfg(not(feature = "cuda"))]
fn memory(_: &candle_core::Device) -> Option<u64> {
    None
}

/// How weights and hidden states are stored. Products, norms and softmax sum in f32 or f64 whatever the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

impl Precision {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

/// Where an encoder's weights go, and in which format.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) device: candle_core::Device,
    pub(crate) format: DType,
}

impl Placement {
    /// The same device, for what is prepared there before it is rounded.
    pub(crate) fn in_f32(&self) -> Self {
        Self { device: self.device.clone(), format: DType::F32 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn device_names_are_read_as_they_are_printed() {
        for (text, name) in
            [("cpu", DeviceName::Cpu), ("cuda:0", DeviceName::Cuda(0)), ("cuda:3", DeviceName::Cuda(3))]
        {
            assert_eq!(text.parse::<DeviceName>().unwrap(), name);
            assert_eq!(name.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:x", "cpu:1", ""] {
            assert!(wrong.parse::<DeviceName>().unwrap_err().contains("is no device"), "{wrong}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_gpu_is_refused_by_a_program_that_was_built_without_one() {
        let error = ComputeDevice::open(DeviceName::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("cuda:0") && error.contains("without the feature `cuda`"), "{error}");
    }
}
