/*
 * What the processes of a box ask of the kernel, as records in a ring buffer and as counts.
 *
 * Built by BCC against stub/ instead of kernel headers. Rules that keep it loading quickly and on
 * every kernel from 5.8:
 *  - no kernel structure is touched: only tracepoint fields (BCC reads their layout from tracefs)
 *    and user memory;
 *  - no system call number stands here: `calls` says, per number, what its arguments mean, and is
 *    filled from the table of the architecture (syscalls.py);
 *  - user and kernel memory is read through our own helper pointers. BCC recognises the usual names
 *    and then parses /proc/kallsyms at each use, which takes longer than everything else together;
 *  - tracepoint fields are copied into locals before any branch: the verifier refuses a context
 *    pointer that the compiler has moved.
 *
 * Events go through the ring and may be dropped (and are then counted). What is counted here, in
 * maps that are read when a phase ends, is never dropped: calls, refused calls, trigrams of calls.
 * The sizes and enums below have their twins in records.py; a test holds the two together.
 */

static long (*read_user)(void *into, u64 size, const void *from) = (void *)112;
static long (*read_kernel)(void *into, u64 size, const void *from) = (void *)113;
static long (*read_user_string)(void *into, u64 size, const void *from) = (void *)114;
static long (*read_kernel_string)(void *into, u64 size, const void *from) = (void *)115;

#define SLOTS_MAX 16      /* boxes at one time */
#define SYSCALLS_MAX 512  /* numbers; both architectures end below 480 */
#define SYSNO_OTHER 511   /* any number that is not below SYSNO_SIGSYS */
#define SYSNO_SIGSYS 510  /* a call that seccomp answered with SIGSYS; its number is not known */
#define PATH_BYTES 256
#define ADDRESS_BYTES 128 /* sizeof(struct sockaddr_storage) */
#define ARGS_MAX 16
#define ARG_BYTES 224
#define RECORD_BYTES 4096
#define HEADER_BYTES 56
#define THREADS_MAX 8192
#define SOCKETS_MAX 8192
#define BOXES_MAX 64
#define TRIGRAMS_MAX 32768 /* of all boxes; pandas makes 724 in a phase */
#define FILES_MAX 8192
#define DESCRIPTORS_SWEPT 128 /* looked at when a process ends or becomes another program */
#define CLOSED_SWEPT 32       /* looked at, from the first on, when a range is closed */
#define TYPES_MAX 32

#ifndef RING_PAGES
#define RING_PAGES 2048
#endif
#define WITHOUT_WAKEUP 1  /* BPF_RB_NO_WAKEUP: the reader comes by itself every few milliseconds */

#define PROT_WRITE_BIT 2
#define PROT_EXEC_BIT 4
#define MAP_ANONYMOUS_BIT 0x20
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define SIGSYS_NUMBER 31
#define ERRNO_MAX 4095

/* What the arguments of a call mean. */
enum call_class {
    CLASS_NONE = 0,      /* counted only */
    CLASS_OPEN = 1,      /* first: path, second: flags */
    CLASS_PATH = 2,      /* first: path, second: mode or flags */
    CLASS_PAIR = 3,      /* first and second: paths */
    CLASS_ADDRESS = 4,   /* first: sockaddr, second: its length */
    CLASS_MESSAGE = 5,   /* first: struct msghdr, whose name is a sockaddr */
    CLASS_EXEC = 6,      /* first: path, second: argv */
    CLASS_ARGUMENTS = 7, /* the first three arguments say it all */
    CLASS_MEMORY = 8,    /* a mapping; kept only where it makes memory executable in an unusual way */
    CLASS_LEAVE = 9,     /* exit and exit_group: never return, so the status is remembered */
    CLASS_READ = 10,     /* first: descriptor; the result is how many bytes came */
    CLASS_WRITE = 11,    /* first: descriptor; the result is how many bytes went */
    CLASS_COPY = 12,     /* first: descriptor that is read, second: descriptor that is written */
    CLASS_CLOSE = 13,    /* first: descriptor */
    CLASS_CLOSE_RANGE = 14, /* first and second: the first and the last descriptor */
};

enum call_option {
    OPTION_SKIP_EMPTY = 1, /* an empty path means fstat, a quarter of all path calls */
    OPTION_HOW = 2,        /* second points to struct open_how, whose first word is the flags */
    OPTION_INET_ONLY = 4,  /* netlink and unix messages are of no interest */
    OPTION_CREATES = 8,    /* mmap, where mprotect changes what is there */
    OPTION_GIVES = 16,     /* the result is a descriptor: whatever it stood for before is over */
    OPTION_COPIES = 32,    /* … and stands for what the descriptor in the first argument does */
};

enum record_type {
    TYPE_DENIED = 1,
    TYPE_OPEN = 2,
    TYPE_PATH = 3,
    TYPE_PAIR = 4,
    TYPE_ADDRESS = 5,
    TYPE_EXEC_ATTEMPT = 6,
    TYPE_EXEC_FAILED = 7,
    TYPE_EXEC_DONE = 8,
    TYPE_ARGUMENTS = 9,
    TYPE_MEMORY = 10,
    TYPE_TCP = 11,
    TYPE_FORK = 12,
    TYPE_EXIT = 13,
    TYPE_FILE_BYTES = 14,
    TYPE_SEQUENCE = 15, /* never written here: made of the trigrams when a phase ends (summary.py) */
};

enum record_flag {
    FLAG_RACED = 1,  /* what we read on the way out differs from what we read on the way in */
    FLAG_LATE = 2,   /* the page was not there on the way in; read on the way out only */
    FLAG_UNREAD = 4, /* could not be read at all */
    FLAG_CUT = 8,    /* longer than the buffer */
};

enum overflow_kind {
    OVERFLOW_THREADS = 0,
    OVERFLOW_SOCKETS = 1,
    OVERFLOW_TRIGRAMS = 2,
    OVERFLOW_FILES = 3,
    OVERFLOWS_MAX = 8,
};

struct call {
    u8 class;
    u8 first;
    u8 second;
    u8 options;
};

struct box {
    u32 slot;
    u32 phase;
    u32 execs;  /* successful execs since the phase began */
    u32 arm_at; /* events count from this exec on: the ones before are the box being built */
    s32 drops_to_simulate;
    u32 unused;
};

/* A thread between the entry and the exit of a call. */
struct thread {
    u32 sysno;
    u8 class;
    u8 pending;
    u8 lineage; /* see enum lineage */
    u8 unused;
    u16 earlier[2]; /* the last call and the one before it, each plus one; 0: there was none */
    u16 errors[2];  /* the errno of either */
    u32 parent;     /* the process that made this thread */
    s32 length[2];
    u64 args[6];
    char text[2 * PATH_BYTES];
};

/* Whose a thread is, as far as can be told here. */
enum lineage {
    LINEAGE_RUNNER = 0,  /* a program that was in the box before it was armed, or a fork of one */
    LINEAGE_COMMAND = 1, /* what was executed from the arming exec on, and all its descendants */
};

struct trigram {
    u8 slot;
    u8 phase;
    u8 lineage;
    u8 unused;
    u16 calls[3];
    u16 error; /* errno of the first call; the third has not ended yet */
};

struct file_key {
    u32 tgid;
    u32 descriptor;
};

/* What one descriptor of one process moved since it was opened. */
struct file_bytes {
    u64 read_bytes;
    u64 written_bytes;
    u32 reads;
    u32 writes;
    u8 slot;
    u8 phase;
    u8 lineage;
    u8 named; /* it stands for a path: a file or a memfd, no pipe, no socket */
    u32 unused;
};

/* Who moved a socket out of CLOSE: later transitions run in softirq, where `current` is a stranger. */
struct socket_owner {
    u64 cgroup;
    u64 pid_tgid;
    u32 slot;
    u32 phase;
};

struct header {
    u64 at_ns;
    u32 tgid;
    u32 tid;
    u16 type;
    u16 sysno;
    s32 result;
    u64 args[3];
    u16 length[2];
    u8 slot;
    u8 phase;
    u16 flags;
};

struct record {
    struct header header;
    char data[RECORD_BYTES - HEADER_BYTES];
};

struct call_counts {
    u64 number[SYSCALLS_MAX];
};

struct account {
    u64 emitted[TYPES_MAX];
    u64 dropped[TYPES_MAX];
    u64 overflows[OVERFLOWS_MAX];
};

BPF_ARRAY(calls, struct call, SYSCALLS_MAX);
BPF_HASH(boxes, u64, struct box, BOXES_MAX);
BPF_HASH(threads, u32, struct thread, THREADS_MAX);
BPF_HASH(sockets, u64, struct socket_owner, SOCKETS_MAX);
BPF_HASH(trigrams, struct trigram, u64, TRIGRAMS_MAX);
BPF_HASH(files, struct file_key, struct file_bytes, FILES_MAX);
BPF_PERCPU_ARRAY(counts, struct call_counts, SLOTS_MAX);
BPF_PERCPU_ARRAY(denied, struct call_counts, SLOTS_MAX);
BPF_PERCPU_ARRAY(accounts, struct account, SLOTS_MAX);
BPF_PERCPU_ARRAY(scratch, struct record, 1);
BPF_PERCPU_ARRAY(blank, struct thread, 1); /* the stack has no room for a struct thread */
BPF_RINGBUF_OUTPUT(events, RING_PAGES);

/* ---- small parts ------------------------------------------------------------------------- */

static __always_inline struct box *current_box(void) {
    u64 cgroup = bpf_get_current_cgroup_id();
    return boxes.lookup(&cgroup);
}

static __always_inline bool armed(struct box *box) {
    return box->execs >= box->arm_at;
}

static __always_inline void count_overflow(u32 slot, u32 kind) {
    struct account *account = accounts.lookup(&slot);
    if (account)
        account->overflows[kind & (OVERFLOWS_MAX - 1)] += 1;
}

static __always_inline u32 clamp_sysno(u64 id) {
    return id < SYSNO_SIGSYS ? (u32)id : SYSNO_OTHER;
}

/* A thread's entry, made where there is none: without history, and the runner's unless the box was
 * armed from the start. */
static __always_inline struct thread *thread_of(struct box *box, u32 tid) {
    struct thread *thread = threads.lookup(&tid);
    if (thread)
        return thread;
    u32 zero = 0;
    struct thread *nothing = blank.lookup(&zero);
    if (!nothing)
        return NULL;
    if (threads.update(&tid, nothing)) {
        count_overflow(box->slot, OVERFLOW_THREADS);
        return NULL;
    }
    thread = threads.lookup(&tid);
    if (thread)
        thread->lineage = box->arm_at ? LINEAGE_RUNNER : LINEAGE_COMMAND;
    return thread;
}

/* The record under construction. One per CPU is enough: tracepoint programs do not nest. */
static __always_inline struct record *begin_record(struct box *box, u32 type, u32 sysno, s64 result) {
    u32 zero = 0;
    struct record *record = scratch.lookup(&zero);
    if (!record)
        return NULL;
    u64 pid_tgid = bpf_get_current_pid_tgid();
    record->header.at_ns = bpf_ktime_get_ns();
    record->header.tgid = pid_tgid >> 32;
    record->header.tid = pid_tgid;
    record->header.type = type;
    record->header.sysno = sysno;
    record->header.result = result;
    record->header.args[0] = 0;
    record->header.args[1] = 0;
    record->header.args[2] = 0;
    record->header.length[0] = 0;
    record->header.length[1] = 0;
    record->header.slot = box->slot;
    record->header.phase = box->phase;
    record->header.flags = 0;
    return record;
}

static __always_inline void emit(struct box *box, struct record *record, u64 data_length) {
    u32 slot = record->header.slot;
    u32 type = record->header.type & (TYPES_MAX - 1);
    struct account *account = accounts.lookup(&slot);
    if (!account)
        return;
    if (box->drops_to_simulate > 0) {
        __sync_fetch_and_add(&box->drops_to_simulate, -1);
        __sync_fetch_and_add(&account->dropped[type], 1);
        return;
    }
    u64 size = HEADER_BYTES + data_length;
    /* Without the barrier the compiler removes the mask, and the verifier then sees no bound. */
    asm volatile("" : "+r"(size));
    size &= RECORD_BYTES - 1;
    /* Counted before it is written: whoever drains until all that is counted has come misses none.
     * Atomic, for a program may be interrupted by another one on the same CPU. */
    __sync_fetch_and_add(&account->emitted[type], 1);
    if (events.ringbuf_output(record, size, WITHOUT_WAKEUP)) {
        __sync_fetch_and_add(&account->emitted[type], -1);
        __sync_fetch_and_add(&account->dropped[type], 1);
    }
}

/* The call and the two before it on this thread, counted. A refused call never comes in, so it is
 * in no trigram. */
static __always_inline void count_trigram(struct box *box, struct thread *thread, u32 sysno) {
    u16 last = thread->earlier[0], before = thread->earlier[1], error = thread->errors[1];
    thread->earlier[1] = last;
    thread->earlier[0] = sysno + 1;
    thread->errors[1] = thread->errors[0];
    thread->errors[0] = 0;
    if (!before)
        return;
    struct trigram key = {};
    key.slot = box->slot;
    key.phase = box->phase;
    key.lineage = thread->lineage;
    key.calls[0] = before - 1;
    key.calls[1] = last - 1;
    key.calls[2] = sysno;
    key.error = error;
    u64 *count = trigrams.lookup(&key);
    if (count) {
        __sync_fetch_and_add(count, 1);
        return;
    }
    u64 one = 1;
    if (trigrams.update(&key, &one))
        count_overflow(box->slot, OVERFLOW_TRIGRAMS);
}

static __always_inline u64 pick(const u64 *args, u32 index) {
    return index == 0 ? args[0] : index == 1 ? args[1] : index == 2 ? args[2]
         : index == 3 ? args[3] : index == 4 ? args[4] : args[5];
}

/* Whether the first `length` bytes differ; words, little-endian. What lies behind is not defined.
 * Loops here are bounded but not unrolled (kernel 5.3): unrolled, the whole compiles twice as long. */
static __always_inline bool differ(const char *left, const char *right, u32 length) {
    const u64 *left_words = (const u64 *)left;
    const u64 *right_words = (const u64 *)right;
    u64 difference = 0;
    for (u32 i = 0; i < PATH_BYTES / 8; i++) {
        if (i * 8 >= length)
            break;
        u32 remaining = length - i * 8;
        u64 mask = remaining >= 8 ? ~0ULL : (1ULL << (remaining * 8)) - 1;
        difference |= (left_words[i] ^ right_words[i]) & mask;
    }
    return difference != 0;
}

static __always_inline s32 read_path(char *into, u64 pointer) {
    return read_user_string(into, PATH_BYTES, (void *)pointer);
}

static __always_inline s32 read_address(char *into, u64 pointer, u64 stated_length) {
    u64 length = (u32)stated_length;
    if (!pointer)
        return 0;
    asm volatile("" : "+r"(length));
    if (length > ADDRESS_BYTES)
        length = ADDRESS_BYTES;
    return read_user(into, length, (void *)pointer) ? -1 : (s32)length;
}

/* ---- bytes per file ----------------------------------------------------------------------- */

/* Tells what a descriptor moved, and forgets it. Only in the process that has it. */
static __always_inline void flush_file(struct box *box, u32 descriptor) {
    struct file_key key = {};
    key.tgid = bpf_get_current_pid_tgid() >> 32;
    key.descriptor = descriptor;
    struct file_bytes *file = files.lookup(&key);
    if (!file)
        return;
    if (file->reads || file->writes) {
        struct record *record = begin_record(box, TYPE_FILE_BYTES, 0, 0);
        if (record) {
            u32 *more = (u32 *)record->data;
            record->header.args[0] = descriptor;
            record->header.args[1] = file->read_bytes;
            record->header.args[2] = file->written_bytes;
            more[0] = file->reads;
            more[1] = file->writes;
            more[2] = file->lineage;
            more[3] = file->named;
            emit(box, record, 4 * sizeof(u32));
        }
    }
    files.delete(&key);
}

/* All descriptors of a process that ends, or of whose descriptors an exec may close some, unseen. */
static __always_inline void flush_files(struct box *box) {
#pragma clang loop unroll(disable)
    for (u32 i = 0; i < DESCRIPTORS_SWEPT; i++)
        flush_file(box, i);
}

/* The ones behind CLOSED_SWEPT end when their number is given again, or with the process. */
static __always_inline void flush_range(struct box *box, u32 first, u32 last) {
    u32 span = last - first;
#pragma clang loop unroll(disable)
    for (u32 i = 0; i < CLOSED_SWEPT; i++) {
        if (i > span)
            break;
        flush_file(box, first + i);
    }
}

/* The entry of a descriptor. One that the process has from its parent stands for what it stood for
 * there; the rest that is not known is taken for a pipe or a socket. */
static __always_inline struct file_bytes *file_of(struct box *box, struct thread *thread, u32 descriptor) {
    struct file_key key = {};
    key.tgid = bpf_get_current_pid_tgid() >> 32;
    key.descriptor = descriptor;
    struct file_bytes *file = files.lookup(&key);
    if (file)
        return file;
    struct file_key above = {};
    above.tgid = thread->parent;
    above.descriptor = descriptor;
    struct file_bytes *inherited = files.lookup(&above);
    struct file_bytes fresh = {};
    fresh.slot = box->slot;
    fresh.phase = box->phase;
    fresh.lineage = thread->lineage;
    fresh.named = inherited ? inherited->named : 0;
    if (files.update(&key, &fresh)) {
        count_overflow(box->slot, OVERFLOW_FILES);
        return NULL;
    }
    return files.lookup(&key);
}

static __always_inline void count_bytes(struct box *box, struct thread *thread, u32 descriptor,
                                        bool written, s64 bytes) {
    struct file_bytes *file = file_of(box, thread, descriptor);
    if (!file)
        return;
    if (written) {
        __sync_fetch_and_add(&file->written_bytes, bytes);
        __sync_fetch_and_add(&file->writes, 1);
    } else {
        __sync_fetch_and_add(&file->read_bytes, bytes);
        __sync_fetch_and_add(&file->reads, 1);
    }
}

/* A descriptor begins to stand for something else. */
static __always_inline void give_descriptor(struct box *box, struct thread *thread, u32 options,
                                            u32 descriptor) {
    bool named = thread->class != CLASS_ARGUMENTS; /* an open or a memfd, no socket */
    u32 source = thread->args[0];
    if ((options & OPTION_COPIES) && source == descriptor)
        return;
    if (options & OPTION_COPIES) {
        struct file_bytes *copied = file_of(box, thread, source);
        named = copied && copied->named;
    }
    flush_file(box, descriptor);
    struct file_bytes *file = file_of(box, thread, descriptor);
    if (file)
        file->named = named;
}

/* ---- a call comes in --------------------------------------------------------------------- */

/* An exec that succeeds leaves no old memory to read later, so it is told at once; whether it
 * succeeded follows as TYPE_EXEC_DONE (with the kernel's own copy of the path) or _FAILED. Another
 * thread may still change the arguments: they are what was asked for when the call came in. */
static __always_inline void tell_exec(struct box *box, u32 sysno, u64 path, u64 argv) {
    struct record *record = begin_record(box, TYPE_EXEC_ATTEMPT, sysno, 0);
    if (!record)
        return;
    s32 length = read_path(record->data, path);
    if (length < 0)
        record->header.flags |= FLAG_UNREAD;
    if (length == PATH_BYTES)
        record->header.flags |= FLAG_CUT;
    record->header.length[0] = length > 0 ? length : 0;
    u32 found = 0;
    for (u32 i = 0; i < ARGS_MAX; i++) {
        u64 pointer = 0;
        char *into = record->data + PATH_BYTES + i * ARG_BYTES;
        if (found == i && !read_user(&pointer, sizeof(pointer), (void *)(argv + 8 * i)) && pointer) {
            s32 size = read_user_string(into, ARG_BYTES, (void *)pointer);
            if (size == ARG_BYTES)
                record->header.flags |= FLAG_CUT;
            if (size < 0) {
                record->header.flags |= FLAG_UNREAD;
                into[0] = 0;
            }
            found = i + 1;
        }
    }
    if (found == ARGS_MAX) {
        u64 pointer = 0;
        if (!read_user(&pointer, sizeof(pointer), (void *)(argv + 8 * ARGS_MAX)) && pointer)
            record->header.flags |= FLAG_CUT;
    }
    record->header.length[1] = found;
    emit(box, record, PATH_BYTES + found * ARG_BYTES);
}

static __always_inline void remember_arguments(struct box *box, struct thread *thread, struct call *call) {
    u64 first = pick(thread->args, call->first);
    u64 second = pick(thread->args, call->second);
    if (call->class == CLASS_OPEN || call->class == CLASS_PATH) {
        thread->length[0] = read_path(thread->text, first);
        if ((call->options & OPTION_SKIP_EMPTY) && (thread->length[0] == 1 || !first))
            thread->class = CLASS_NONE;
    } else if (call->class == CLASS_PAIR) {
        thread->length[0] = read_path(thread->text, first);
        thread->length[1] = read_path(thread->text + PATH_BYTES, second);
    } else if (call->class == CLASS_ADDRESS) {
        thread->args[4] = first;
        thread->args[5] = second;
        thread->length[0] = read_address(thread->text, first, second);
    } else if (call->class == CLASS_MESSAGE) {
        /* struct user_msghdr and struct mmsghdr both begin: void *name; int name_length */
        u64 message[2] = {0, 0};
        read_user(message, sizeof(message), (void *)first);
        thread->args[4] = message[0];
        thread->args[5] = message[1];
        thread->class = message[0] ? CLASS_ADDRESS : CLASS_NONE;
        thread->length[0] = read_address(thread->text, message[0], message[1]);
    } else if (call->class == CLASS_EXEC) {
        tell_exec(box, thread->sysno, first, second);
    } else if (call->class == CLASS_CLOSE) {
        /* On the way in: on the way out another thread may have the descriptor already. */
        flush_file(box, first);
    } else if (call->class == CLASS_CLOSE_RANGE) {
        flush_range(box, first, second);
    }
}

TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    u64 id = args->id;
    u64 a0 = args->args[0], a1 = args->args[1], a2 = args->args[2];
    u64 a3 = args->args[3], a4 = args->args[4], a5 = args->args[5];
    struct box *box = current_box();
    if (!box)
        return 0;
    u32 sysno = clamp_sysno(id);
    u32 slot = box->slot;
    if (armed(box)) {
        struct call_counts *slot_counts = counts.lookup(&slot);
        if (slot_counts)
            slot_counts->number[sysno & (SYSCALLS_MAX - 1)] += 1;
    }
    struct thread *thread = thread_of(box, bpf_get_current_pid_tgid());
    if (!thread)
        return 0;
    /* Marked even before the box is armed: a call that began then and fails later was not denied. */
    thread->pending = 1;
    thread->sysno = sysno;
    thread->class = CLASS_NONE;
    if (!armed(box))
        return 0;
    count_trigram(box, thread, sysno);
    struct call *call = calls.lookup(&sysno);
    if (!call || call->class == CLASS_NONE)
        return 0;
    thread->class = call->class;
    thread->length[0] = 0;
    thread->length[1] = 0;
    thread->args[0] = a0;
    thread->args[1] = a1;
    thread->args[2] = a2;
    thread->args[3] = a3;
    thread->args[4] = a4;
    thread->args[5] = a5;
    remember_arguments(box, thread, call);
    return 0;
}

/* ---- a call goes out --------------------------------------------------------------------- */

/* Reads a text again; flags what became of it, and leaves in `into` the text as the call began. */
static __always_inline s32 compare_path(struct record *record, u32 part, struct thread *thread, u64 pointer) {
    char *into = record->data + part * PATH_BYTES;
    char *again = into + 2 * PATH_BYTES;
    char *text = thread->text + part * PATH_BYTES;
    s32 before = thread->length[part];
    s32 after = read_path(again, pointer);
    if (before > 0) {
        read_kernel(into, PATH_BYTES, text);
        if (after != before || differ(text, again, before))
            record->header.flags |= FLAG_RACED;
    } else {
        record->header.flags |= after > 0 ? FLAG_LATE : FLAG_UNREAD;
        read_kernel(into, PATH_BYTES, again);
        before = after;
    }
    if (before == PATH_BYTES)
        record->header.flags |= FLAG_CUT;
    before = before > 0 ? before : 0;
    record->header.length[part] = before;
    return before;
}

/* Data layout of paths: [path][second path][path on the way out][second path on the way out], each
 * PATH_BYTES wide; the result is how much of it says something new. */
static __always_inline u32 compare_paths(struct record *record, struct thread *thread, u64 first,
                                         u64 second, bool pair) {
    u32 size = compare_path(record, 0, thread, first);
    if (pair)
        size = PATH_BYTES + compare_path(record, 1, thread, second);
    return record->header.flags & FLAG_RACED ? 4 * PATH_BYTES : size;
}

/* Data layout of addresses: [address][address on the way out]. False where it is of no interest. */
static __always_inline bool compare_address(struct record *record, struct thread *thread, u32 options) {
    char *again = record->data + ADDRESS_BYTES;
    s32 before = thread->length[0];
    s32 after = read_address(again, thread->args[4], thread->args[5]);
    u32 flags = 0;
    read_kernel(record->data, ADDRESS_BYTES, thread->text);
    if (before > 0) {
        if (after != before || differ(thread->text, again, before & (2 * ADDRESS_BYTES - 1)))
            flags |= FLAG_RACED;
    } else {
        flags |= after > 0 ? FLAG_LATE : FLAG_UNREAD;
        read_kernel(record->data, ADDRESS_BYTES, again);
        before = after;
    }
    record->header.length[0] = before > 0 ? before : 0;
    record->header.length[1] = after > 0 ? after : 0;
    record->header.flags = flags;
    if (!(options & OPTION_INET_ONLY) || (flags & FLAG_RACED))
        return true;
    u16 family = *(u16 *)record->data;
    return before >= 2 && (family == FAMILY_INET || family == FAMILY_INET6);
}

/* A mapping is told where it can run what was written: anonymous or writable, and executable. */
static __always_inline bool executable_mapping(struct thread *thread, bool creates) {
    if (!(thread->args[2] & PROT_EXEC_BIT))
        return false;
    if (!creates)
        return true;
    return (thread->args[3] & MAP_ANONYMOUS_BIT) || (thread->args[2] & PROT_WRITE_BIT);
}

/* seccomp answers before sys_enter: a call that fails without having come in was refused. */
static __always_inline void tell_denied(struct box *box, u32 sysno, s64 result) {
    u32 slot = box->slot;
    struct call_counts *slot_denied = denied.lookup(&slot);
    if (slot_denied)
        slot_denied->number[sysno & (SYSCALLS_MAX - 1)] += 1;
    struct record *record = begin_record(box, TYPE_DENIED, sysno, result);
    if (record)
        emit(box, record, 0);
}

static __always_inline void tell_call(struct box *box, struct thread *thread, struct call *call, s64 result) {
    u32 class = thread->class;
    u64 first = pick(thread->args, call->first);
    u64 second = pick(thread->args, call->second);
    u32 type = class == CLASS_OPEN      ? TYPE_OPEN
               : class == CLASS_PATH    ? TYPE_PATH
               : class == CLASS_PAIR    ? TYPE_PAIR
               : class == CLASS_ADDRESS ? TYPE_ADDRESS
               : class == CLASS_EXEC    ? TYPE_EXEC_FAILED
               : class == CLASS_MEMORY  ? TYPE_MEMORY
                                        : TYPE_ARGUMENTS;
    struct record *record = begin_record(box, type, thread->sysno, result);
    if (!record)
        return;
    record->header.args[0] = thread->args[0];
    record->header.args[1] = thread->args[1];
    record->header.args[2] = thread->args[2];
    u32 size = 0;
    if (class == CLASS_OPEN || class == CLASS_PATH || class == CLASS_PAIR) {
        bool pair = class == CLASS_PAIR;
        if (!pair)
            record->header.args[1] = second;
        if (call->options & OPTION_HOW)
            read_user(&record->header.args[1], sizeof(u64), (void *)second);
        size = compare_paths(record, thread, first, second, pair);
    } else if (class == CLASS_ADDRESS) {
        if (!compare_address(record, thread, call->options))
            return;
        size = 2 * ADDRESS_BYTES;
    }
    emit(box, record, size);
}

static __always_inline void move_bytes(struct box *box, struct thread *thread, struct call *call, s64 bytes) {
    u32 class = thread->class;
    u32 first = pick(thread->args, call->first);
    u32 second = pick(thread->args, call->second);
    count_bytes(box, thread, first, class == CLASS_WRITE, bytes);
    if (class == CLASS_COPY)
        count_bytes(box, thread, second, true, bytes);
}

TRACEPOINT_PROBE(raw_syscalls, sys_exit) {
    u64 id = args->id;
    s64 result = args->ret;
    struct box *box = current_box();
    if (!box)
        return 0;
    u32 tid = bpf_get_current_pid_tgid();
    struct thread *thread = threads.lookup(&tid);
    if (!thread || !thread->pending) {
        if (result < 0 && armed(box))
            tell_denied(box, clamp_sysno(id), result);
        return 0;
    }
    thread->pending = 0;
    thread->errors[0] = result < 0 && result >= -ERRNO_MAX ? -result : 0;
    u32 class = thread->class;
    if (class == CLASS_NONE || class == CLASS_LEAVE || !armed(box))
        return 0;
    if (class == CLASS_CLOSE || class == CLASS_CLOSE_RANGE)
        return 0;
    if (class == CLASS_EXEC && result >= 0)
        return 0;
    u32 sysno = thread->sysno;
    struct call *call = calls.lookup(&sysno);
    if (!call)
        return 0;
    if (class >= CLASS_READ) {
        if (result >= 0)
            move_bytes(box, thread, call, result);
        return 0;
    }
    if ((call->options & OPTION_GIVES) && result >= 0)
        give_descriptor(box, thread, call->options, result);
    if (class == CLASS_MEMORY && !executable_mapping(thread, call->options & OPTION_CREATES))
        return 0;
    tell_call(box, thread, call, result);
    return 0;
}

TRACEPOINT_PROBE(signal, signal_generate) {
    int signal = args->sig, code = args->code;
    u32 target = args->pid;
    if (signal != SIGSYS_NUMBER || code <= 0) /* code 0 and below: another process sent it */
        return 0;
    struct box *box = current_box();
    if (!box || !armed(box) || target != (u32)bpf_get_current_pid_tgid())
        return 0;
    tell_denied(box, SYSNO_SIGSYS, 0);
    return 0;
}

/* ---- processes --------------------------------------------------------------------------- */

/* A new thread is its maker's; it has made no call yet. */
static __always_inline void begin_thread(struct box *box, u32 child) {
    u64 pid_tgid = bpf_get_current_pid_tgid();
    u32 maker_tid = pid_tgid;
    struct thread *maker = threads.lookup(&maker_tid);
    struct thread *born = thread_of(box, child);
    if (!born)
        return;
    born->parent = pid_tgid >> 32;
    if (maker)
        born->lineage = maker->lineage;
}

/* Our shell waits with this program for what a package left behind; it is no act of the package. */
static __always_inline bool is_sleep(const char *path) {
    return *(u64 *)path == 0x656c732f6e69622fULL /* "/bin/sle" */ && path[8] == 'e' && path[9] == 'p' &&
           path[10] == 0;
}

TRACEPOINT_PROBE(task, task_newtask) {
    u64 child = args->pid, clone_flags = args->clone_flags;
    struct box *box = current_box();
    if (!box)
        return 0;
    begin_thread(box, child);
    if (!armed(box))
        return 0;
    struct record *record = begin_record(box, TYPE_FORK, 0, child);
    if (!record)
        return 0;
    record->header.args[0] = clone_flags;
    emit(box, record, 0);
    return 0;
}

TRACEPOINT_PROBE(sched, sched_process_exec) {
    u32 tid = args->pid, old_tid = args->old_pid;
    u32 offset = args->data_loc_filename & 0xffff;
    const char *filename = (const char *)args + offset;
    struct box *box = current_box();
    if (!box)
        return 0;
    if (old_tid != tid) /* a thread other than the first: its id ends here without an exit */
        threads.delete(&old_tid);
    __sync_fetch_and_add(&box->execs, 1);
    if (!armed(box))
        return 0;
    flush_files(box);
    struct record *record = begin_record(box, TYPE_EXEC_DONE, 0, 0);
    if (!record)
        return 0;
    s32 length = read_kernel_string(record->data, PATH_BYTES, filename);
    struct thread *thread = thread_of(box, tid);
    if (thread && !(thread->lineage == LINEAGE_RUNNER && is_sleep(record->data)))
        thread->lineage = LINEAGE_COMMAND;
    record->header.length[0] = length > 0 ? length : 0;
    record->header.args[0] = old_tid;
    if (length == PATH_BYTES)
        record->header.flags |= FLAG_CUT;
    emit(box, record, length > 0 ? length : 0);
    return 0;
}

TRACEPOINT_PROBE(sched, sched_process_exit) {
    u64 pid_tgid = bpf_get_current_pid_tgid();
    u32 tid = pid_tgid;
    struct box *box = current_box();
    if (box && armed(box) && tid == (u32)(pid_tgid >> 32)) {
        flush_files(box);
        struct record *record = begin_record(box, TYPE_EXIT, 0, -1);
        if (record) {
            struct thread *thread = threads.lookup(&tid);
            if (thread && thread->pending && thread->class == CLASS_LEAVE)
                record->header.result = thread->args[0] & 0xff;
            emit(box, record, 0);
        }
    }
    threads.delete(&tid); /* whatever box it was in: its entry may outlive the box */
    return 0;
}

/* ---- TCP states -------------------------------------------------------------------------- */

TRACEPOINT_PROBE(sock, inet_sock_set_state) {
    u64 socket = (u64)args->skaddr;
    u32 old_state = args->oldstate, new_state = args->newstate;
    u64 family = args->family, source_port = args->sport, target_port = args->dport;
    struct box *box = current_box();
    struct socket_owner owner = {};
    if (old_state == TCP_CLOSE && (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN)) {
        /* connect and listen, which run in the process that called them */
        if (!box || !armed(box))
            return 0;
        owner.cgroup = bpf_get_current_cgroup_id();
        owner.pid_tgid = bpf_get_current_pid_tgid();
        owner.slot = box->slot;
        owner.phase = box->phase;
        if (sockets.update(&socket, &owner))
            count_overflow(owner.slot, OVERFLOW_SOCKETS);
    } else {
        struct socket_owner *known = sockets.lookup(&socket);
        if (!known)
            return 0;
        owner = *known;
        if (new_state == TCP_CLOSE)
            sockets.delete(&socket);
        box = boxes.lookup(&owner.cgroup);
        if (!box) /* the box is gone, and its slot may be another's by now */
            return 0;
    }
    struct record *record = begin_record(box, TYPE_TCP, 0, 0);
    if (!record)
        return 0;
    record->header.tgid = owner.pid_tgid >> 32;
    record->header.tid = owner.pid_tgid;
    record->header.slot = owner.slot;
    record->header.phase = owner.phase;
    record->header.args[0] = socket;
    record->header.args[1] = family << 32 | source_port << 16 | target_port;
    record->header.args[2] = old_state << 8 | new_state;
    read_kernel(record->data, 16, args->saddr_v6);
    read_kernel(record->data + 16, 16, args->daddr_v6);
    emit(box, record, 32);
    return 0;
}
