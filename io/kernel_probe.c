/* io/kernel_probe.c - set-up flags, opcodes, the provided-buffer ring, and multishot recvmsg, which
 * has no probe bit and is tried once. Kernel versions in the texts: io_uring_setup(2),
 * io_uring_register(2), io_uring_enter(2). */
#include "io/kernel_probe.h"
#include "io/transport_table.h"
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PROBE_ENTRIES = 4,
    PROBE_BUFFER_BYTES = 256,
    PROBE_GROUP = 0,
    PROBE_WAIT_S = 1 /* a loopback datagram is there at once */
};

/* Best first. Each line is what a kernel lacks less. R_DISABLED goes with SINGLE_ISSUER: the thread
 * that enables the ring, not the one that made it, becomes its owner. */
static const uint32_t flag_sets[] = {
    /* 6.1: completions are worked off only where the owner asks for them, and a flag in shared
     * memory says whether there is anything to ask for */
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
        IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
        IORING_SETUP_DEFER_TASKRUN,
    /* 6.0 */
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
        IORING_SETUP_COOP_TASKRUN,
    /* any: whatever is missing then is named by the other checks */
    IORING_SETUP_R_DISABLED,
};

static const struct {
    int opcode;
    const char *name;
} needed_opcodes[] = {
    {IORING_OP_SENDMSG, "sendmsg"}, {IORING_OP_RECVMSG, "recvmsg"},
    {IORING_OP_ACCEPT, "accept"},   {IORING_OP_CONNECT, "connect"},
    {IORING_OP_SEND, "send"},       {IORING_OP_RECV, "recv"},
    {IORING_OP_READ, "read"},       {IORING_OP_ASYNC_CANCEL, "cancel"},
};

struct prober {
    struct io_uring ring;
    struct io_uring_buf_ring *buffers;
    struct msghdr message;
    int sockets[2];
    uint8_t bytes[PROBE_BUFFER_BYTES];
    char *reason;
    size_t reason_bytes;
};

static void explain_setup(struct prober *prober, int error) {
    const char *hint = "";
    if (error == EPERM || error == EACCES) {
        hint = " (seccomp, container or sysctl kernel.io_uring_disabled)";
    } else if (error == ENOSYS) {
        hint = " (kernel without io_uring, or seccomp)";
    } else if (error == ENOMEM) {
        hint = " (RLIMIT_MEMLOCK too small?)";
    }
    transport_reason(prober->reason, prober->reason_bytes, "io_uring_setup: %s%s",
                     strerrordesc_np(error), hint);
}

static bool set_up_ring(struct prober *prober, struct kernel_features *features_out) {
    int result = -EINVAL;
    for (size_t i = 0; i < sizeof flag_sets / sizeof flag_sets[0] && result == -EINVAL; i++) {
        struct io_uring_params params = {.flags = flag_sets[i]};
        result = io_uring_queue_init_params(PROBE_ENTRIES, &prober->ring, &params);
        features_out->setup_flags = flag_sets[i];
    }
    if (result < 0) {
        explain_setup(prober, -result);
    }
    return result >= 0;
}

static bool has_features(struct prober *prober) {
    static const struct {
        uint32_t bit;
        const char *text;
    } needed[] = {
        {IORING_FEAT_NODROP, "completions that are not dropped missing: Linux 5.5"},
        {IORING_FEAT_FAST_POLL, "internal polling missing: Linux 5.7"},
        {IORING_FEAT_EXT_ARG, "waiting with a timeout missing: Linux 5.11"},
    };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if ((prober->ring.features & needed[i].bit) == 0) {
            transport_reason(prober->reason, prober->reason_bytes, "%s or newer is needed",
                             needed[i].text);
            return false;
        }
    }
    return true;
}

static bool has_opcodes(struct prober *prober) {
    struct io_uring_probe *probe = io_uring_get_probe_ring(&prober->ring);
    if (probe == NULL) {
        transport_reason(prober->reason, prober->reason_bytes,
                         "io_uring_register(PROBE) failed: Linux 5.6 or newer is needed");
        return false;
    }
    const char *missing = NULL;
    for (size_t i = 0; i < sizeof needed_opcodes / sizeof needed_opcodes[0]; i++) {
        if (!io_uring_opcode_supported(probe, needed_opcodes[i].opcode)) {
            missing = needed_opcodes[i].name;
        }
    }
    io_uring_free_probe(probe);
    if (missing != NULL) {
        transport_reason(prober->reason, prober->reason_bytes,
                         "io_uring operation %s missing: Linux 6.0 or newer is needed", missing);
    }
    return missing == NULL;
}

static bool registers(struct prober *prober) {
    const size_t ring_bytes = PROBE_ENTRIES * sizeof(struct io_uring_buf);
    void *memory =
        mmap(NULL, ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        transport_reason(prober->reason, prober->reason_bytes, "no memory to probe io_uring");
        return false;
    }
    prober->buffers = memory;
    struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)memory,
                                            .ring_entries = PROBE_ENTRIES,
                                            .bgid = PROBE_GROUP};
    int result = io_uring_register_buf_ring(&prober->ring, &registration, 0);
    if (result < 0) {
        transport_reason(prober->reason, prober->reason_bytes,
                         "provided-buffer ring refused (%s): Linux 5.19 or newer is needed",
                         strerrordesc_np(-result));
        return false;
    }
    io_uring_buf_ring_init(prober->buffers);
    io_uring_buf_ring_add(prober->buffers, prober->bytes, sizeof prober->bytes, 0,
                          io_uring_buf_ring_mask(PROBE_ENTRIES), 0);
    io_uring_buf_ring_advance(prober->buffers, 1);
    result =
        io_uring_register((unsigned)prober->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (result < 0) {
        transport_reason(prober->reason, prober->reason_bytes, "io_uring cannot be enabled: %s",
                         strerrordesc_np(-result));
    }
    return result >= 0;
}

/* One datagram through a socket pair: the completion must promise more to come. */
static bool receives_multishot(struct prober *prober) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&prober->ring);
    io_uring_prep_recvmsg_multishot(sqe, prober->sockets[0], &prober->message, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = PROBE_GROUP;
    int error = 0;
    bool is_multishot = false;
    if (send(prober->sockets[1], "?", 1, MSG_DONTWAIT) != 1) {
        error = errno;
    } else {
        struct io_uring_cqe *cqe = NULL;
        struct __kernel_timespec limit = {.tv_sec = PROBE_WAIT_S};
        int result = io_uring_submit_and_wait_timeout(&prober->ring, &cqe, 1, &limit, NULL);
        if (result < 0 || cqe == NULL) {
            error = result < 0 ? -result : ETIME;
        } else if (cqe->res < 0) {
            error = -cqe->res;
        } else {
            is_multishot = (cqe->flags & IORING_CQE_F_MORE) != 0;
        }
    }
    if (!is_multishot) {
        transport_reason(prober->reason, prober->reason_bytes,
                         "multishot recvmsg missing: Linux 6.0 or newer is needed (%s)",
                         error != 0 ? strerrordesc_np(error) : "it ended after one datagram");
    }
    return is_multishot;
}

bool kernel_probe_io_uring(struct kernel_features *features_out, char *reason_out,
                           size_t reason_bytes) {
    struct prober prober = {.reason = reason_out, .reason_bytes = reason_bytes};
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, prober.sockets) != 0) {
        transport_reason(reason_out, reason_bytes, "socketpair: %s", strerrordesc_np(errno));
        return false;
    }
    bool is_usable = false;
    if (set_up_ring(&prober, features_out)) {
        is_usable = has_features(&prober) && has_opcodes(&prober) && registers(&prober) &&
                    receives_multishot(&prober);
        io_uring_queue_exit(&prober.ring);
    }
    /* After the ring: its requests hold the sockets and the buffer memory. */
    (void)close(prober.sockets[0]);
    (void)close(prober.sockets[1]);
    if (prober.buffers != NULL) {
        (void)munmap(prober.buffers, PROBE_ENTRIES * sizeof(struct io_uring_buf));
    }
    return is_usable;
}
