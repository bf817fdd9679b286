//! Writes results into the host's `iso_out`.

use isoscope_plugin_abi as abi;

use crate::out::{Receive, RowOut, SeriesOut};
use crate::{Error, Result};

/// The host's receiver.
pub(crate) struct RawOut<'a> {
    raw: &'a abi::iso_out,
}

impl<'a> RawOut<'a> {
    /// Wraps the host's struct.
    ///
    /// # Safety
    /// `raw` is valid as the header says, for `'a`.
    pub(crate) unsafe fn new(raw: &'a abi::iso_out) -> Result<Self> {
        if (raw.struct_size as usize) < size_of::<abi::iso_out>() {
            return Err(Error::invalid(
                "the host passed a malformed iso_out: it is shorter than ABI 1.0 says",
            ));
        }
        Ok(Self { raw })
    }
}

fn text(text: &str) -> abi::iso_bytes {
    abi::iso_bytes::of(text.as_bytes())
}

fn accepted(answer: Option<i32>, metric: &str) -> Result<()> {
    match answer {
        Some(0) => Ok(()),
        Some(_) => Err(Error::Failed(format!("the host refused a result named \"{metric}\""))),
        None => Err(Error::unsupported("the host receives no results of this shape")),
    }
}

impl Receive for RawOut<'_> {
    fn row(&mut self, row: RowOut<'_>) -> Result<()> {
        let raw = abi::iso_row {
            struct_size: size_of::<abi::iso_row>() as u32,
            reserved: 0,
            metric: text(row.metric),
            part: text(row.part),
            status: text(row.status),
            value: row.value,
            std_err: row.std_err,
            n: row.n,
        };
        // SAFETY: `new` was promised a valid iso_out; the row lives for the call.
        let answer = self.raw.row.map(|receive| unsafe { receive(self.raw.ctx, &raw const raw) });
        accepted(answer, row.metric)
    }

    fn series(&mut self, series: SeriesOut<'_>) -> Result<()> {
        let raw = abi::iso_series {
            struct_size: size_of::<abi::iso_series>() as u32,
            reserved: 0,
            metric: text(series.metric),
            part: text(series.part),
            status: text(series.status),
            values: series.values.as_ptr(),
            len: series.values.len() as u64,
            n: series.n,
        };
        // SAFETY: `new` was promised a valid iso_out; the series lives for the call.
        let answer = self.raw.series.map(|receive| unsafe { receive(self.raw.ctx, &raw const raw) });
        accepted(answer, series.metric)
    }
}
