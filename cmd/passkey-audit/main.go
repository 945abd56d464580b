package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() { os.Exit(start()) }

// start runs the program with the process's own streams and signals. The first
// Ctrl-C (or SIGTERM) asks it to stop gently, the second one stops it at once.
func start() int {
	if os.Getenv("GOGC") == "" {
		// Little is alive at a time, whatever the tenant's size: a collector
		// that runs half as often costs a few megabytes and saves a tenth of
		// the processor's time.
		debug.SetGCPercent(200)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		<-signals
		close(stop)
		<-signals
		cancel()
	}()
	return run(ctx, world{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, stop: stop, now: time.Now,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
	})
}
