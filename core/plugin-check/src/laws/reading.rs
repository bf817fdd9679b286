//! How an op reads its rows and keeps to itself: strides, other runs, memory.

use isoscope_core::catalogue::Needs;
use isoscope_plugin_host::{Collected, Op, Run};
use std::thread;

use crate::Cloud;
use crate::breach::{Breach, HOLDS, Judged, broken, does_not_apply};
use crate::cut::{Cut, Merging};
use crate::drive::{Measured, Subject};
use crate::limit::memory;
use crate::moments::{all_of, lend};
use crate::report::{Report, TOLERANCE};

/// Times that an op is opened and closed.
const OPENINGS: usize = 1000;

/// Growth of the process that is not put down to the op: the allocator rounds and keeps.
const GROWTH: u64 = 512 << 10;

/// Rows with numbers between them that are no rows.
pub(crate) fn padded(subject: &Subject) -> Judged {
    if subject.reads_no_rows() && !subject.is_enhancement() {
        return does_not_apply("the host folds the moments: no row reaches the op");
    }
    let dense = subject.cloud();
    let plain = subject.evaluate(&dense, &Cut::whole(&dense))?.report;
    let cloud = dense.padded();
    let padded = subject.evaluate(&cloud, &Cut::whole(&cloud))?.report;
    plain.same(&padded, TOLERANCE, "when the row stride exceeds the width")?;
    HOLDS
}

/// Two clouds through one op at once give what each gives alone.
pub(crate) fn independent(subject: &Subject) -> Judged {
    let clouds = [subject.cloud(), Cloud::ordinary(&subject.op, 48, 2)];
    let op = subject.open(&clouds[0].widths(), "{}")?;
    let alone = |cloud: &Cloud| subject.run(&op, cloud, &Cut::of(cloud, 3, 20, Merging::Tree));
    let expected = [alone(&clouds[0])?, alone(&clouds[1])?];
    interleaved(subject, &op, &clouds)?;
    let rounds = |cloud: &Cloud, expected: &Measured| {
        (0..16).try_for_each(|_| {
            expected
                .report
                .identical(&alone(cloud)?.report, "when another thread runs the op over other rows")
        })
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| rounds(&clouds[1], &expected[1]));
        rounds(&clouds[0], &expected[0])?;
        other.join().map_err(|_| Breach::Broken("a thread that ran the op died".to_owned()))?
    })?;
    HOLDS
}

/// Takes turns between two runs of the first pass.
fn interleaved(subject: &Subject, op: &Op, clouds: &[Cloud; 2]) -> Result<(), Breach> {
    let Some((model, pass)) = first_pass(subject, op, &clouds[0])? else { return Ok(()) };
    let batches = |cloud: &Cloud| Cut::of(cloud, 1, 20, Merging::None).shards.remove(0);
    let mut alone = Vec::new();
    for cloud in clouds {
        let mut run = op.begin(&model, pass)?;
        for batch in batches(cloud) {
            run.update(&cloud.batch(&batch))?;
        }
        alone.push(finished(run)?);
    }
    let (mut one, mut two) = (op.begin(&model, pass)?, op.begin(&model, pass)?);
    for (a, b) in batches(&clouds[0]).into_iter().zip(batches(&clouds[1])) {
        one.update(&clouds[0].batch(&a))?;
        two.update(&clouds[1].batch(&b))?;
    }
    for (run, expected) in [(one, &alone[0]), (two, &alone[1])] {
        expected.identical(&finished(run)?, "when two runs of the op take turns")?;
    }
    Ok(())
}

/// The model and number of the first pass over rows; `None` when there is none.
fn first_pass(subject: &Subject, op: &Op, cloud: &Cloud) -> Result<Option<(Vec<u8>, u32)>, Breach> {
    match subject.op.needs {
        Needs::Moments | Needs::Nothing => Ok(None),
        Needs::Rows | Needs::Sample => Ok(Some((Vec::new(), 0))),
        Needs::MomentsThenRows => {
            let lent = all_of(cloud.rows(0));
            let finished = op.measure(&lend(&lent, &subject.op.parts), &mut Collected::default())?;
            Ok(finished.again.then_some((finished.model, 1)))
        }
    }
}

fn finished(mut run: Run) -> Result<Report, Breach> {
    let (mut collected, mut report) = (Collected::default(), Report::default());
    run.finish(&mut collected)?;
    report.add(collected);
    Ok(report)
}

/// Opens and closes an op over and over.
pub(crate) fn no_leak(subject: &Subject) -> Judged {
    // Wide rows, so that whatever is lost is large.
    let cloud = Cloud::wide(&subject.op, 8, 96);
    let lent = all_of(cloud.rows(0));
    let round = || -> Result<(), Breach> {
        let op = subject.open(&cloud.widths(), "{}")?;
        let (mut model, mut pass) = (Vec::new(), 0);
        if op.can_measure() {
            model = op.measure(&lend(&lent, &subject.op.parts), &mut Collected::default())?.model;
            pass = 1;
        }
        if subject.op.needs == Needs::Moments && !subject.is_enhancement() {
            return Ok(());
        }
        let mut run = op.begin(&model, pass)?;
        if !subject.reads_no_rows() {
            run.update(&cloud.batch(&(0..cloud.len())))?;
            let state = run.save()?;
            run.merge(&state)?;
        }
        Ok(())
    };
    (0..OPENINGS / 5).try_for_each(|_| round())?;
    let Some(before) = memory(1) else { return does_not_apply("this system has no /proc/self/statm") };
    (0..OPENINGS).try_for_each(|_| round())?;
    let grown = memory(1).unwrap_or(before).saturating_sub(before);
    if grown > GROWTH {
        return broken(format!("{OPENINGS} times open and close left {} KiB behind", grown >> 10));
    }
    HOLDS
}
