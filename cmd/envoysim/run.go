package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"envoyd/internal/sim"
	"envoyd/internal/sim/account"
	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/home"
)

// Exit codes.
const (
	exitOK    = 0
	exitFault = 1 // a service could not be started
	exitUsage = 2 // the command line is wrong
)

// run is the program: it returns the exit code.
func run(args []string, out, errs io.Writer) int {
	o, err := parseOptions(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := simulate(ctx, o, out, errs); err != nil {
		fmt.Fprintln(errs, "envoysim:", err) //nolint:errcheck // there is nowhere else to say so
		return exitFault
	}
	return exitOK
}

// simulate runs the home until ctx ends.
func simulate(ctx context.Context, o options, out, errs io.Writer) error {
	s, err := sim.Start(o.config(slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		return err
	}
	if err := report(o, s, out); err != nil {
		return errors.Join(err, s.Close())
	}
	<-ctx.Done()
	return s.Close()
}

// config is what the options ask for.
func (o options) config(log *slog.Logger) sim.Config {
	cfg := sim.Config{
		Listen: o.listen, Serial: o.serial, Capture: o.capture, Preset: o.preset, Latency: o.latency,
		Cloud: o.cloud, CloudTLS: o.cloudCA != "", Broker: o.broker, MDNS: o.mdns,
		API:  cloud.Config{Upload: o.upload, Delay: o.delay, Plan: cloud.Plan(o.plan), Partner: o.partner},
		Home: home.Config{Speed: o.speed, Zone: hostZone(), Noon: o.noon}, Log: log,
	}
	if o.token != "" {
		cfg.Accept = []string{o.token}
	}
	return cfg
}

// report prints a line for each service and leaves the authority's certificate
// where it was asked for.
func report(o options, s *sim.Sim, out io.Writer) error {
	var lines strings.Builder
	id := s.Identity()
	fmt.Fprintf(&lines, "gateway  %s  serial %s  firmware %s\n", s.Gateway.URL(), id.Serial, id.Firmware)
	if s.Account != nil {
		fmt.Fprintf(&lines, "cloud  %s  login %s  password %s\n", s.Account.URL(), account.Email, account.Password)
	}
	if s.Broker != nil {
		fmt.Fprintf(&lines, "mqtt  %s\n", s.Broker.URL())
	}
	if o.printToken {
		fmt.Fprintf(&lines, "token  %s\n", s.Token())
	}
	if api := s.Cloud; api != nil {
		fmt.Fprintf(&lines, "enlighten  %s  client %s secret %s  key %s  system %d\n",
			s.Account.URL(), api.Client(), api.Secret(), api.Key(), api.System())
	}
	if o.cloudCA != "" {
		if err := os.WriteFile(o.cloudCA, s.Account.CA(), 0o600); err != nil { //nolint:gosec // the user named the file
			return fmt.Errorf("leaving the authority's certificate: %w", err)
		}
	}
	if _, err := io.WriteString(out, lines.String()); err != nil {
		return fmt.Errorf("printing the addresses: %w", err)
	}
	return nil
}
