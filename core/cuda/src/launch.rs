//! Compiled kernels by name, and shapes of launches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaStream, LaunchArgs, LaunchConfig};
use candle_core::{CudaDevice, Result};

/// A file of kernels.
#[derive(Clone, Copy)]
pub(crate) struct Module {
    name: &'static str,
    ptx: &'static str,
}

macro_rules! module {
    ($constant:ident, $name:literal) => {
        pub(crate) const $constant: Module = Module {
            name: concat!("isoscope-", $name),
            ptx: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".ptx")),
        };
    };
}
module!(ATTENTION, "attention");
module!(DISENTANGLED, "disentangled");
module!(ELEMENTWISE, "elementwise");
module!(EMBEDDING, "embedding");
module!(MOMENTS, "moments");
module!(NORM, "norm");
module!(ROTARY, "rotary");
module!(UNFOLD, "unfold");

/// A kernel, and the stream that it is launched on.
pub(crate) struct Kernel {
    function: CudaFunction,
    stream: Arc<CudaStream>,
}

impl Kernel {
    /// Begins a launch: arguments follow in the order of the kernel's.
    pub(crate) fn builder(&self) -> LaunchArgs<'_> {
        self.stream.launch_builder(&self.function)
    }
}

/// Returns a kernel, loading its file when it is the first of it.
pub(crate) fn kernel(device: &CudaDevice, module: Module, name: &str) -> Result<Kernel> {
    let function = device.get_or_load_custom_func(name, module.name, module.ptx)?.into_cuda_function();
    Ok(Kernel { function, stream: device.cuda_stream() })
}

/// Held while a matrix library launches: a product may take several kernels that hand partial sums on in a workspace, and another
/// thread's product must not come between them.
pub(crate) fn library_call() -> MutexGuard<'static, ()> {
    static CALLS: Mutex<()> = Mutex::new(());
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A launch of enough threads for `n` items, `per_block` threads a block; kernels stride when the grid is at its limit.
pub(crate) fn over(n: usize, per_block: u32) -> LaunchConfig {
    const MOST_BLOCKS: usize = 1 << 16;
    let blocks = n.div_ceil(per_block as usize).clamp(1, MOST_BLOCKS);
    grid((blocks as u32, 1), per_block)
}

/// A launch of a grid of blocks of `threads` threads.
pub(crate) fn grid(blocks: (u32, u32), threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (blocks.0, blocks.1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}
