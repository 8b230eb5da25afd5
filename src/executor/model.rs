//! A model of how threads hand over to each other, and all ways in which its steps can interleave.
//!
//! Two threads share a context: one runs the program's event loop, as [`Executor::prepare_wait`](super::Executor) and
//! `service` have it, the other makes a synchronous call (`run`, `turn`). An asynchronous operation of two calls is
//! under way. Each step is what happens under one lock, or one atomic access, in the order of the code. Whatever the
//! order of the steps, the operation must end in its callback: nobody may sleep while there is something left to do that
//! nobody else will do. Each rule of the hand-over can be left out, and then some order gets stuck.

use std::collections::HashSet;

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Who settles sends what was queued.
    Flush,
    /// Who has advanced operations says that there is something to settle.
    Flag,
    /// Who settles makes the program's descriptor readable when callbacks are due.
    Notice,
    /// Who is about to wait looks for work after the descriptor was cleared.
    Look,
    /// A synchronous call settles when it returns, and after each turn.
    Settle,
}

/// One step of a thread.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The synchronous call is queued.
    Call,
    ClearAndFlush,
    NotifyIfWork,
    /// The program sleeps in poll(2) on its descriptor.
    SleepOnDescriptor,
    /// Goes there when another thread has the driver.
    TakeDriver(usize),
    ReceivePending,
    ReleaseDriver,
    Flush,
    /// Decides whether to wait in recv(2); goes there when not.
    MayWait(usize),
    WaitForReply,
    /// Sleeps until the driver is free, the call is over, or there is work.
    WaitForDriver,
    TakeReady,
    Advance,
    FlagIfSome,
    Complete,
    FlagAlways,
    /// Takes the flag; goes there when it is not set.
    Unflag(usize),
    NotifyIfCompletions,
    /// Goes there when the synchronous call is over.
    Over(usize),
    Jump(usize),
    End,
}

use Step::*;

/// prepare_wait(), poll(2), service(), for ever.
const EVENT_LOOP: &[Step] = &[
    ClearAndFlush,
    NotifyIfWork,
    SleepOnDescriptor,
    TakeDriver(7),
    ReceivePending,
    ReleaseDriver,
    Jump(8),
    ClearAndFlush,
    TakeReady, // 8
    Advance,
    FlagIfSome,
    Complete,
    FlagAlways,
    Unflag(0), // 13
    TakeReady,
    Advance,
    Flush,
    NotifyIfCompletions,
    Jump(13),
];

/// run(), with its turns.
const SYNCHRONOUS: &[Step] = &[
    Call,
    Over(22), // 1
    TakeDriver(9),
    Flush,
    MayWait(7),
    WaitForReply,
    ReceivePending,
    ReleaseDriver, // 7
    Jump(11),
    Flush, // 9
    WaitForDriver,
    TakeReady, // 11
    Advance,
    FlagIfSome,
    Complete,
    FlagAlways,
    Unflag(1), // 16
    TakeReady,
    Advance,
    Flush,
    NotifyIfCompletions,
    Jump(16),
    Unflag(28), // 22
    TakeReady,
    Advance,
    Flush,
    NotifyIfCompletions,
    Jump(22),
    End, // 28
];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Thread {
    at: usize,
    /// What it has taken out of the ready queue.
    due: u8,
    /// It had something to advance.
    some: bool,
}

/// A call, from the queue to its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wire {
    Idle,
    Queued,
    Sent,
    Replied,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    threads: [Thread; 2],
    driver: Option<usize>,
    asynchronous: Wire,
    synchronous: Wire,
    /// The call of the operation that is under way, 1 or 2.
    stage: u8,
    ready: u8,
    completions: u8,
    called_back: bool,
    over: bool,
    unsettled: bool,
    notified: bool,
}

impl World {
    fn new() -> Self {
        let thread = Thread { at: 0, due: 0, some: false };
        Self {
            threads: [thread.clone(), thread],
            driver: None,
            asynchronous: Wire::Sent,
            synchronous: Wire::Idle,
            stage: 1,
            ready: 0,
            completions: 0,
            called_back: false,
            over: false,
            unsettled: false,
            notified: false,
        }
    }

    fn flush(&mut self) {
        for call in [&mut self.asynchronous, &mut self.synchronous] {
            if *call == Wire::Queued {
                *call = Wire::Sent;
            }
        }
    }

    fn is_readable(&self) -> bool {
        self.asynchronous == Wire::Replied || self.synchronous == Wire::Replied
    }

    fn has_work(&self) -> bool {
        self.ready > 0 || self.completions > 0
    }

    /// What may happen next: a step of either thread, or a reply.
    fn successors(&self, without: Without) -> Vec<Self> {
        let mut next: Vec<Self> = (0..2).filter_map(|thread| self.clone().step(thread, without)).collect();
        for which in [true, false] {
            let mut world = self.clone();
            let call = if which { &mut world.asynchronous } else { &mut world.synchronous };
            if *call == Wire::Sent {
                *call = Wire::Replied;
                next.push(world);
            }
        }
        next
    }

    /// None while the thread sleeps.
    fn step(mut self, number: usize, without: Without) -> Option<Self> {
        let program = [EVENT_LOOP, SYNCHRONOUS][number];
        let at = self.threads[number].at;
        let mut goes = at + 1;
        match program[at] {
            Call => self.synchronous = Wire::Queued,
            ClearAndFlush => {
                self.notified = false;
                self.flush();
            }
            NotifyIfWork => self.notified |= self.has_work() && without != Without::Look,
            SleepOnDescriptor if !self.notified && !self.is_readable() => return None,
            SleepOnDescriptor => {}
            TakeDriver(other) if self.driver.is_some() => goes = other,
            TakeDriver(_) => self.driver = Some(number),
            ReceivePending => {
                if number == 0 {
                    self.notified = false;
                    self.flush();
                }
                if self.asynchronous == Wire::Replied {
                    (self.asynchronous, self.ready, self.unsettled) = (Wire::Idle, self.ready + 1, true);
                }
                if self.synchronous == Wire::Replied {
                    (self.synchronous, self.over) = (Wire::Idle, true);
                }
            }
            ReleaseDriver => self.driver = None,
            Flush if number == 1 && at > 16 || number == 0 => {
                if without != Without::Flush {
                    self.flush();
                }
            }
            Flush => self.flush(),
            MayWait(other) if self.over || self.has_work() => goes = other,
            MayWait(_) => {}
            WaitForReply if !self.is_readable() => return None,
            WaitForReply => {}
            WaitForDriver if self.driver.is_some() && !self.over && !self.has_work() => return None,
            WaitForDriver => {}
            TakeReady => self.threads[number].due = std::mem::take(&mut self.ready),
            Advance => {
                let due = std::mem::take(&mut self.threads[number].due);
                self.threads[number].some = due > 0;
                for _ in 0..due {
                    match self.stage {
                        1 => (self.stage, self.asynchronous) = (2, Wire::Queued),
                        _ => (self.completions, self.unsettled) = (self.completions + 1, true),
                    }
                }
            }
            FlagIfSome => self.unsettled |= self.threads[number].some && without != Without::Flag,
            Complete if self.completions > 0 => {
                (self.completions, self.called_back) = (self.completions - 1, true);
            }
            Complete => {}
            // service() always does, a turn when it has run a callback: that makes no difference here.
            FlagAlways => self.unsettled |= number == 0,
            Unflag(other) => {
                let skips = without == Without::Settle && number == 1;
                if skips || !std::mem::take(&mut self.unsettled) {
                    goes = other;
                }
            }
            NotifyIfCompletions => self.notified |= self.completions > 0 && without != Without::Notice,
            Over(other) if self.over => goes = other,
            Over(_) => {}
            Jump(other) => goes = other,
            End => return None,
        }
        self.threads[number].at = goes;
        Some(self)
    }
}

/// How many states there are; a state in which nothing moves although the callback has not run is an error.
fn explore(without: Without) -> Result<usize, World> {
    let (mut seen, mut left) = (HashSet::new(), vec![World::new()]);
    while let Some(world) = left.pop() {
        if !seen.insert(world.clone()) {
            continue;
        }
        let next = world.successors(without);
        if next.is_empty() && !(world.called_back && world.over) {
            return Err(world);
        }
        left.extend(next);
    }
    Ok(seen.len())
}

#[test]
fn nobody_sleeps_while_there_is_something_to_do() {
    let states = explore(Without::Nothing).unwrap_or_else(|stuck| panic!("stuck: {stuck:?}"));
    assert!(states > 1000, "{states} states only");
}

#[test]
fn without_any_of_the_rules_somebody_would() {
    for rule in [Without::Flush, Without::Flag, Without::Notice, Without::Look, Without::Settle] {
        assert!(explore(rule).is_err(), "{rule:?} is not needed");
    }
}
