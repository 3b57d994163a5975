/* BCC includes this file before all others, and takes its presence for kernel headers. */
#define CONFIG_BPF_SYSCALL 1
