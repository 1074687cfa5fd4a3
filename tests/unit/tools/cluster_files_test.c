/* cluster_files_test.c - the directory of a local cluster: what is saved is read again, processes
 * are told apart, nothing of others is removed. */
#include "tools/clock_ms.h"
#include "tools/cluster.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static struct cluster *cluster;
static char reason[CLUSTER_REASON_BYTES];

static void setup(void) {
    snprintf(dir, sizeof(dir), "%s", "/tmp/henge-cluster-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cluster = cluster_create(dir);
    cluster->count = 2;
    for (size_t i = 0; i < 2; i++) {
        snprintf(cluster->daemons[i].name, HENGE_NAME_BYTES, "n%zu", i + 1);
        snprintf(cluster->daemons[i].zone, HENGE_LABEL_BYTES, "zone %zu", i + 1);
        cluster->daemons[i].ready_fd = -1;
    }
    snprintf(cluster->henged, sizeof(cluster->henged), "%s", "/bin/sleep");
    (void)json_array_append_new(cluster->flags, json_string("--preset"));
    (void)json_array_append_new(cluster->flags, json_string("local"));
}

static void teardown(void) {
    cluster_destroy(cluster);
    rmdir(dir);
}

TestSuite(cluster_files, .init = setup, .fini = teardown);

Test(cluster_files, what_is_saved_is_loaded) {
    cr_assert(cluster_save(cluster, reason));
    struct cluster *again = cluster_create(dir);
    cr_assert(cluster_load(again, reason), "%s", reason);
    cr_expect_eq(again->count, 2);
    cr_expect_str_eq(again->daemons[1].name, "n2");
    cr_expect_str_eq(again->daemons[1].zone, "zone 2");
    cr_expect_str_eq(again->henged, "/bin/sleep");
    cr_expect(json_equal(again->flags, cluster->flags));
    cluster_destroy(again);
    cluster_remove(cluster);
    cr_expect_neq(access(dir, F_OK), 0, "the empty directory goes too");
}

Test(cluster_files, no_cluster_is_not_an_error_and_nonsense_is) {
    char path[CLUSTER_FILE_BYTES];
    cr_expect_not(cluster_load(cluster, reason));
    cr_expect_str_eq(reason, "");
    snprintf(path, sizeof(path), "%s/cluster.json", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_eq(write(fd, "{}", 2), 2);
    close(fd);
    cr_expect_not(cluster_load(cluster, reason));
    cr_expect_not_null(strstr(reason, "cluster.json"));
    unlink(path);
}

Test(cluster_files, two_do_not_work_in_one_directory) {
    struct cluster *other = cluster_create(dir);
    cr_assert(cluster_lock(cluster, reason));
    cr_expect_not(cluster_lock(other, reason));
    cr_expect_not_null(strstr(reason, "at work"));
    cluster_destroy(other);
}

Test(cluster_files, a_process_is_known_by_pid_and_start_time) {
    /* A daemon that is no henged: cluster_spawn starts whatever `henged` names. */
    cr_assert(cluster_save(cluster, reason));
    snprintf(cluster->henged, sizeof(cluster->henged), "%s",
             "/bin/cat"); /* refuses the flags: ends without "ready" */
    struct cluster_daemon *daemon = &cluster->daemons[0];
    cr_assert(cluster_spawn(cluster, daemon, "", reason), "%s", reason);
    cr_expect_gt(daemon->start_ticks, 0);
    cr_expect_not(cluster_wait_ready(cluster, clock_ms() + 20000, reason));
    cr_expect_not_null(strstr(reason, "n1 did not come up"), "%s", reason);
    cr_expect(cluster_wait_gone(daemon, clock_ms() + 20000));

    daemon->pid = fork();
    if (daemon->pid == 0) {
        pause();
        _exit(0);
    }
    daemon->start_ticks += 12345; /* somebody else's process under a pid once ours */
    cr_expect_not(cluster_is_running(daemon));
    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, NULL, 0);
    cluster_remove(cluster);
}

Test(cluster_files, only_the_clusters_own_files_are_removed) {
    char path[CLUSTER_FILE_BYTES];
    char other[CLUSTER_FILE_BYTES];
    cr_assert(cluster_save(cluster, reason));
    close(open(cluster_file(cluster, "n1", "log", path), O_CREAT | O_WRONLY, 0600));
    cluster_file(cluster, "n1", "data", path);
    cr_assert_eq(mkdir(path, 0700), 0);
    size_t used = strlen(path);
    snprintf(path + used, sizeof(path) - used, "/generation");
    close(open(path, O_CREAT | O_WRONLY, 0600));
    snprintf(other, sizeof(other), "%s/precious", dir);
    close(open(other, O_CREAT | O_WRONLY, 0600));
    cluster_remove(cluster);
    cr_expect_eq(access(other, F_OK), 0);
    cr_expect_neq(access(path, F_OK), 0);
    unlink(other);
    cr_expect_eq(rmdir(dir), 0, "nothing else was left");
}

Test(cluster_files, a_directory_that_others_may_enter_is_refused) {
    cr_assert_eq(chmod(dir, 0755), 0);
    cr_expect_not(private_dir_ensure(dir, reason, sizeof(reason)));
    cr_expect_not_null(strstr(reason, "755"));
    cr_assert_eq(chmod(dir, 0700), 0);
    cr_expect(private_dir_ensure(dir, reason, sizeof(reason)));
    char link_path[96];
    snprintf(link_path, sizeof(link_path), "%s.link", dir);
    cr_assert_eq(symlink(dir, link_path), 0);
    cr_expect_not(private_dir_ensure(link_path, reason, sizeof(reason)), "a link is not ours");
    unlink(link_path);
}

static struct cluster_row row(int64_t alive, const char *fingerprint) {
    struct cluster_row made = {.is_running = true, .is_answering = true, .alive = alive};
    snprintf(made.fingerprint, sizeof(made.fingerprint), "%s", fingerprint);
    snprintf(made.view_fingerprint, sizeof(made.view_fingerprint), "%s", fingerprint);
    return made;
}

Test(cluster_files, agreement_needs_all_that_run) {
    struct cluster_row rows[2] = {row(2, "aa"), row(2, "aa")};
    cr_expect(cluster_is_agreed(cluster, rows));
    rows[1] = row(2, "bb");
    cr_expect_not(cluster_is_agreed(cluster, rows), "two rings");
    rows[1] = row(2, "aa");
    rows[1].fingerprint[0] = 'b';
    cr_expect_not(cluster_is_agreed(cluster, rows), "the same members, another ring");
    rows[1] = row(2, "aa");
    rows[1].view_fingerprint[0] = 'b';
    cr_expect_not(cluster_is_agreed(cluster, rows), "the same ring, other members");
    rows[1] = row(1, "aa");
    cr_expect_not(cluster_is_agreed(cluster, rows), "one sees fewer");
    rows[1] = row(2, "aa");
    rows[1].suspect = 1;
    cr_expect_not(cluster_is_agreed(cluster, rows), "one suspects");
    rows[1].suspect = 0;
    rows[1].is_answering = false;
    cr_expect_not(cluster_is_agreed(cluster, rows), "one is mute");
    rows[1].is_running = false;
    cr_expect_not(cluster_is_agreed(cluster, rows), "one is dead and still counted");
    rows[0].alive = 1;
    cr_expect(cluster_is_agreed(cluster, rows), "the dead one has no say");
    rows[0].is_running = false;
    cr_expect_not(cluster_is_agreed(cluster, rows), "nobody is no agreement");
}
