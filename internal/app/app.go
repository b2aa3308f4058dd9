// Package app is the only place that knows every part: it builds them from the
// configuration, joins them, runs them and stops them in order.
//
// What is outside may be away: an absent network, gateway, broker or database
// is a condition on the status board, never a reason not to start. What is
// ours and broken (the state folder belongs to somebody else) ends the start
// with a clear error.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"envoyd/internal/config"
	"envoyd/internal/hostclock"
	"envoyd/internal/status"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Options is what the command line gives beside the configuration file.
type Options struct {
	Version string
	Log     *slog.Logger
	// Load reads the configuration again; called at the start and on reload.
	Load func() (*config.Config, error)
	// Reload carries a signal to read the configuration again; may be nil.
	Reload <-chan struct{}
	// Notify tells the service manager: "READY=1", "STATUS=…", "WATCHDOG=1".
	Notify func(state string)
	// Dial replaces the network to gateway, broker and database, for tests in a
	// synctest bubble, which can have no real one: there is no socket for the
	// commands either. nil is the host's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// LinkLife is how long the owner's browser may take to come back from the
	// consent, for tests that wait for its end; 0 is ten minutes.
	LinkLife time.Duration
	// Watchdog is how often the service manager wants to hear of us; 0 never.
	Watchdog time.Duration
}

// farewell is how long the parts may take to end in order.
const farewell = 8 * time.Second

// Run is the daemon: it runs until ctx ends and then returns nil. A changed
// configuration is taken over by building everything anew on the same state;
// a bad one is refused and the old one stays.
func Run(ctx context.Context, opt Options) error {
	cfg, err := opt.Load()
	if err != nil {
		return err
	}
	d := &daemon{opt: opt, clock: hostclock.OfHost()}
	for {
		next, err := d.generation(ctx, cfg)
		if err != nil || next == nil {
			return err
		}
		cfg = next
	}
}

// daemon is what survives a change of the configuration.
type daemon struct {
	opt   Options
	clock *hostclock.Clock
}

// generation runs one configuration until ctx ends (nil, nil) or a good new
// one has been read.
func (d *daemon) generation(ctx context.Context, cfg *config.Config) (*config.Config, error) {
	for _, warning := range warnings(cfg) {
		d.opt.Log.Warn("not as in daily use", "what", warning)
	}
	s, err := openState(cfg, d.opt.Log)
	if err != nil {
		return nil, err
	}
	a := newApp(d, cfg, s)
	defer a.close()
	run, stop := context.WithCancel(ctx)
	defer stop()
	g, run := errgroup.WithContext(run)
	if err := a.start(run, g); err != nil {
		stop()
		return nil, errors.Join(err, g.Wait())
	}
	d.notify("READY=1")
	next := a.awaitReload(run)
	d.announceEnd(next)
	stop()
	return next, a.finish(g)
}

// awaitReload waits for the end, or for a signal that leads to a good new
// configuration.
func (a *App) awaitReload(ctx context.Context) *config.Config {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.opt.Reload:
			next, err := a.opt.Load()
			if err == nil {
				a.opt.Log.Info("configuration read again")
				return next
			}
			a.opt.Log.Error("the new configuration is refused, the old one stays", "error", err)
			a.board.Set("config", status.Yellow, "the changed configuration has faults, the old one is in use: "+err.Error(),
				"Run envoyd check, mend the file, reload again.")
		}
	}
}

// announceEnd tells the service manager why this configuration ends: we stop,
// or go on with the next one. STOPPING is the last word of a service: said
// before a reload it would have systemd kill us after its stop timeout.
func (d *daemon) announceEnd(next *config.Config) {
	if next == nil {
		d.notify("STOPPING=1")
		return
	}
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) == nil {
		d.notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond)))
	}
}

func (d *daemon) notify(state string) {
	if d.opt.Notify != nil {
		d.opt.Notify(state)
	}
}

// finish waits for the parts, but not for ever.
func (a *App) finish(g *errgroup.Group) error {
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	case <-time.After(farewell):
		return fmt.Errorf("a part did not end within %s; its last readings are on disk all the same", farewell)
	}
}

// warnings are said once at the start.
func warnings(cfg *config.Config) []string {
	var all []string
	for _, o := range cfg.Endpoints.Overridden() {
		all = append(all, "a vendor service is replaced, as for tests: "+o)
	}
	return all
}
