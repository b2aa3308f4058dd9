package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/fault"

	"github.com/coreos/go-systemd/v22/daemon"
)

// errStart marks a fault of the configuration that shows only when the parts
// are built: a certificate file that holds none, a token of another gateway.
var errStart = errors.New("cannot start")

// startFault marks err as one. A folder that another process holds at the
// moment is none: systemd may try again.
func startFault(err error) error {
	if fault.Is(err, fault.Config) && !errors.Is(err, app.ErrBusy) {
		return fmt.Errorf("%w: %w", errStart, err)
	}
	return err
}

// gcPercent keeps the heap of the daemon small: the default lets it grow to
// twice what is in use before it is swept, and 50 takes 1.5 MiB off the
// resident memory for 0.3 ms more CPU time a poll (make bench). GOGC in the
// environment wins.
const gcPercent = 50

func runCommand(*flag.FlagSet) action {
	return func(ctx context.Context, env *environment) error {
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends us at once
		reload := make(chan struct{}, 1)
		defer notifyReload(reload)()
		watchdog, err := daemon.SdWatchdogEnabled(false)
		if err != nil {
			env.log.Warn("watchdog not understood", "error", err)
		}
		return startFault(app.Run(ctx, app.Options{
			Version:  version,
			Log:      env.log,
			Load:     func() (*config.Config, error) { return env.load() },
			Reload:   reload,
			Notify:   func(state string) { _, _ = daemon.SdNotify(false, state) }, // nobody listens outside systemd
			Watchdog: watchdog,
		}))
	}
}

// notifyReload turns SIGHUP into a message on reload; the function returned
// stops that.
func notifyReload(reload chan<- struct{}) func() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			select {
			case reload <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
