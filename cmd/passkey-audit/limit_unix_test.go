//go:build unix

package main

import (
	"os/signal"
	"strconv"
	"syscall"
)

// limitFiles keeps this process from making files of more bytes than this;
// writing on then fails as on a full disk.
func limitFiles(bytes string) {
	n, err := strconv.ParseUint(bytes, 10, 64)
	if err != nil {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
}
