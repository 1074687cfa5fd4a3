// What this process has used so far, from the kernel. Packets and bytes are counted by whoever runs
// it, for all programs alike.

package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// cpu is that of all threads, in user space and in the kernel.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func residentKB() float64 {
	file, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0
	}
	defer file.Close()
	var size, resident int64
	fmt.Fscan(file, &size, &resident)
	return float64(resident) * float64(os.Getpagesize()) / 1024
}
