//! The cases of `tests/scripted`: Python programs, each with a server that restarts, refuses, delays or
//! forgets at a chosen moment, in a network of its own. `tests/scripted/run CASE` runs one by hand.
//!
//! Most of their time is waiting: a few run at a time, however many tests cargo does, and those that wait for
//! half a minute and more all at once.

mod support;

use std::collections::{HashMap, VecDeque};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;
use std::{env, fs, thread};

use support::Finished;

/// Programs at work at a time, beside the long ones.
const PROGRAMS: usize = 4;

/// No case takes longer, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(120);

macro_rules! cases {
    (long: $($long:ident)*; beside_ganesha: $($real:ident)*; $($program:ident: $($name:ident)*;)*) => {
        $(#[test]
        fn $long() {
            ends_well(stringify!($long), NEEDED);
        })*
        $(#[test]
        fn $real() {
            ends_well(stringify!($real), &["ganesha", "python3"]);
        })*
        $($(#[test]
        fn $name() {
            ends_well(stringify!($name), NEEDED);
        })*)*

        /// Half a minute and more.
        const LONG: &[&str] = &[$(stringify!($long)),*];
        const SHORT: &[&str] = &[$(stringify!($real),)* $($(stringify!($name)),*),*];
    };
}

const NEEDED: &[&str] = &["python3", "unshare", "ip"];

cases! {
    long:
        age_behind_an_unanswered_commit age_by_the_next_turn age_by_the_timer lock_silence nested_refusal_is_asked_again
        no_lock_manager_while_locks_are_taken_again retransmission_after_60_s silence_while_locks_are_taken_again
        undecided_while_locks_are_taken_again;
    beside_ganesha:
        drc unlock_without_flush;
    age:
        asynchronous_writes_are_bounded_too commit_that_is_never_answered others_do_not_pay;
    barriers:
        close_before_the_write close_of_one_of_two_writers fsync_behind_the_write mixed_truncate
        mode_after_resend owner_after_resend setattr_waits_for_writes times_after_resend truncate_by_path
        truncation_excludes_writes umount_makes_stable unlock_makes_stable unlock_of_a_write_under_way
        utime_after_resend writes_and_truncations_in_order;
    cache:
        asynchronous_open_revalidates lock_revalidates open_after_closing_revalidates
        open_does_not_revalidate open_sees_what_was_truncated open_with_o_creat_revalidates
        own_writes_are_not_changes_elsewhere;
    directories:
        asynchronous_chmod_takes_the_way_away asynchronous_mkdir_known below_a_renamed_directory
        chmod_takes_the_way_away chown_takes_the_way_away late_lookup late_lookup_and_rmdir mkdir_known
        rename_known renames_beside_walks replaced_above_a_known_directory several_in_a_replaced_directory
        symlink_known;
    exports:
        list_of_exports_that_comes_late list_of_exports_that_does_not_come list_of_exports_that_is_none
        listed_export_after_a_restart listed_export_and_another_mount_of_the_context
        listed_export_and_names_across listed_export_asynchronously listed_export_behind_what_is_not_there
        listed_export_by_every_walk listed_export_by_links listed_export_in_the_listing_around_it
        listed_export_not_to_be_crossed listed_export_that_is_refused listed_export_whose_root_is_stale
        listing_of_many_exports round_trips_into_a_listed_export;
    forked:
        child_connects_anew child_leaves_data_alone child_leaves_locks_alone child_only_destroys
        children_of_multiprocessing one_successor;
    idle:
        idle_beside_a_callback idle_beside_a_service_thread idle_beside_a_waiting_thread
        more_contexts_than_reserved_ports woken_for_a_callback_of_a_thread_that_has_ended
        woken_for_a_callback_on_another_thread;
    locks:
        locks_in_the_grace_period locks_without_grace_period ranges_are_taken_again refused_reclaim
        restart_of_the_locks_holder_without_locks silent_connection_while_locks_are_taken_again;
    nested:
        nested_export_is_crossed nested_outage nested_root_without_attributes nested_server_fault
        nested_silence;
    opening:
        every_change_through_a_read_only_handle handles_end_with_the_mount mount_again_while_replies_come
        other_server read_only_after_append_and_creation read_only_handle
        umount_async_ends_what_is_under_way umount_ends_what_is_under_way umount_in_another_thread;
    order:
        append_after_growth append_after_restart append_after_truncate append_through_two_handles
        appends_beside_synchronous_ones explicit_offsets_side_by_side position_after_a_failed_write
        reads_and_writes_at_the_position reads_at_the_position seek_in_between threads_reading_one_handle
        two_appends;
    races:
        append_after_an_unnoticed_restart close_in_the_grace_period every_operation_after_a_lost_lock
        lock_at_the_position_behind_a_write
        read_after_a_lost_lock read_beside_a_steady_writer read_beside_a_steady_writer_and_a_busy_file
        resend_without_an_answer timeout_of_a_waiting_write write_after_a_lost_lock
        write_under_way_when_the_lock_is_lost;
    reconnect:
        epoll_refused exclusive_create_is_recognised exclusive_create_of_somebody_else idle_disconnect
        idle_reset lost_replies_with_a_request_cache lost_replies_without_a_request_cache
        never_sent_is_not_sent_again rename_and_link_that_were_not_ours server_away_for_a_while
        socket_refused source_port two_exclusive_creates;
    replies:
        access_that_denies access_that_fails bytes_behind_every_result no_answer_ends_a_listing
        one_bad_object_in_a_directory pages_without_their_last_words read_at_the_end_is_invalid
        read_behind_an_old_size read_of_no_regular_file read_whose_count_is_below_its_data
        true_is_not_always_one umount_that_the_server_does_not_answer;
    room: room_after_a_loss_for_good room_when_commit_is_refused;
    restart:
        asynchronous_read_after_restart commit_as_the_writer error_of_a_resend fstat_after_restart
        holes_after_restart listing_after_restart noticed_in_another_file page_cache_after_restart
        restart_during_many_writes second_handle_after_restart seek_end_after_restart stale_read
        stat_after_restart two_writers_two_users;
    roots:
        listing_beside_a_mount_service_that_closes_its_connections
        listing_beside_a_root_that_is_not_looked_at
        older_root refusal_beside_a_root refusal_of_a_reserved_port refusal_of_an_unreserved_port
        refusal_of_one_user root_after_what_lies_underneath root_for_many_operations
        root_of_another_context_that_is_not_served root_whose_place_is_renamed;
    small:
        above_a_directory_with_the_same_beginning busy_forever busy_operations busy_until_the_timeout
        creation_race listing names_that_are_too_long resolver_at_exit slashes times_outside_32_bits
        times_until_2106;
    truth:
        append_to_a_file_that_is_gone commit_jukebox commit_jukebox_then_success
        commit_without_answer_keeps_the_data each_writer_hears_once error_at_close error_to_the_wrong_handle
        file_that_is_gone_for_a_moment fsync_too_early no_commit_when_clean one_commit_is_enough
        server_without_commit;
    turns:
        deadline_during_a_callback deadline_that_was_running_before_a_callback event_loop_beside_threads
        lost_wakeup_steps nested_callbacks service_thread_latency service_thread_latency_of_ten
        synchronous_calls_in_callbacks;
    urls:
        debug_tells_of_values export_below_the_root export_with_a_slash_at_its_end file_in_the_root port_of_nfs
        refusals_with_and_without_a_slash slash_that_the_server_wants;
}

/// The cases that this run of the test program is about: its arguments may name some.
fn selected(names: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let all = arguments.is_empty();
    names.iter().copied().filter(move |name| all || arguments.iter().any(|part| name.contains(part)))
}

fn run(name: &str) -> Finished {
    let mut command = Command::new(support::project_root().join("tests/scripted/run"));
    command.arg(name).env("LIBNFS", support::library()).env("LIMIT", LIMIT.as_secs().to_string());
    support::run(&mut command, LIMIT + Duration::from_secs(30))
}

/// All programs, begun with the first test that asks for one.
static OUTCOMES: LazyLock<Mutex<HashMap<&'static str, mpsc::Receiver<Finished>>>> = LazyLock::new(|| {
    let mut outcomes = HashMap::new();
    let mut pending = |name| {
        let (sender, receiver) = mpsc::channel();
        outcomes.insert(name, receiver);
        (name, sender)
    };
    let work = |(name, sender): (&str, mpsc::Sender<Finished>)| {
        // Nobody receives it when the test has been skipped.
        let _ = sender.send(run(name));
    };
    for job in selected(LONG).map(&mut pending) {
        thread::spawn(move || work(job));
    }
    let queue: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(selected(SHORT).map(&mut pending).collect()));
    for _ in 0..PROGRAMS {
        let queue = queue.clone();
        thread::spawn(move || {
            loop {
                let job = queue.lock().expect("the queue").pop_front();
                let Some(job) = job else { return };
                work(job);
            }
        });
    }
    Mutex::new(outcomes)
});

fn ends_well(name: &str, needed: &[&str]) {
    if !support::need(needed) {
        return;
    }
    let begun = OUTCOMES.lock().expect("the outcomes").remove(name);
    let finished = match begun {
        Some(receiver) => receiver.recv().expect("a program that was begun"),
        None => run(name),
    };
    println!("{}", finished.stdout.trim_end());
    assert!(finished.success(), "{name} {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

#[test]
fn every_case_is_listed() {
    let directory = support::project_root().join("tests/scripted");
    let mut cases = Vec::new();
    for entry in fs::read_dir(directory).expect("the programs") {
        let path = entry.expect("a program").path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let text = fs::read_to_string(&path).expect("a program's text");
            let names = text.split("@case\ndef ").skip(1).filter_map(|rest| rest.split('(').next());
            cases.extend(names.map(str::to_owned));
        }
    }
    let mut listed: Vec<&str> = [LONG, SHORT].concat();
    cases.sort();
    listed.sort_unstable();
    assert_eq!(cases, listed);
}
