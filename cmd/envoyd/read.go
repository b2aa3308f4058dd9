package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/reading"
)

// readTime is the longest a reading may take; what has come by then is shown.
const readTime = 115 * time.Second

func readCommand(fs *flag.FlagSet) action {
	asJSON := fs.Bool("json", false, "print a JSON array")
	direct := fs.Bool("direct", false, "ask the gateway even when the daemon runs")
	return func(ctx context.Context, env *environment) error {
		cfg, err := env.load()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, readTime)
		defer cancel()
		readings, failed, err := readAll(ctx, env, cfg, *direct)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printReadings(env.out, readings)
		} else {
			err = printPlain(env.out, readings)
		}
		if err == nil && (failed || len(readings) == 0 || !allSpeak(readings)) {
			return errSilent
		}
		return err
	}
}

// readAll asks the running daemon, else the gateways themselves. failed says
// that one of them could not be read, which has been said already.
func readAll(ctx context.Context, env *environment, cfg *config.Config, direct bool) (all []reading.Reading, failed bool, err error) {
	if !direct {
		client, err := app.Dial(ctx, cfg)
		if err == nil {
			all, err = client.Readings(ctx)
			return all, false, err
		}
		if !errors.Is(err, app.ErrNoDaemon) {
			return nil, false, err
		}
	}
	d, err := app.OpenDirect(cfg, env.log)
	if err != nil {
		return nil, false, err
	}
	defer d.Close() //nolint:errcheck // nothing to be done about it here
	results, err := d.Read(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, r := range results {
		if r.Err != nil {
			say(env.err, r.Err)
			failed = true
			continue
		}
		all = append(all, r.Reading)
	}
	return all, failed, nil
}

// allSpeak reports whether each gateway gave power or energy.
func allSpeak(all []reading.Reading) bool {
	for _, r := range all {
		power, energy := r.Power.Fields(), r.Energy.Fields()
		if !reading.Any(power[:]) && !reading.Any(energy[:]) {
			return false
		}
	}
	return true
}

func printReadings(w io.Writer, all []reading.Reading) error {
	if all == nil {
		all = []reading.Reading{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

// printPlain prints the numbers for a person.
func printPlain(w io.Writer, all []reading.Reading) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range all {
		r := &all[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Name, r.Serial, r.Time.Local().Format(time.DateTime), describe(r))
		for _, f := range r.Power.Fields() {
			line(t, f, "_w", "W")
		}
		for _, f := range r.Today.Fields() {
			line(t, reading.Field{Name: "today " + f.Name, Value: f.Value.Scale(1e-3)}, "_wh", "kWh")
		}
		for _, f := range r.Energy.Fields() {
			line(t, reading.Field{Name: "lifetime " + f.Name, Value: f.Value.Scale(1e-3)}, "_wh", "kWh")
		}
		line(t, reading.Field{Name: "battery", Value: r.Storage.SoCPct}, "", "%")
		if n := len(r.Inverters); n > 0 {
			fmt.Fprintf(t, "  microinverters\t%d\n", n)
		}
		if r.GridState != "" {
			fmt.Fprintf(t, "  grid\t%s\n", r.GridState)
		}
	}
	return t.Flush()
}

func describe(r *reading.Reading) string {
	return fmt.Sprintf("%s, %s, firmware %s", r.Source, r.Quality, r.Firmware)
}

func line(w io.Writer, f reading.Field, suffix, unit string) {
	if f.Value.Known() {
		fmt.Fprintf(w, "  %s\t%s %s\n", strings.TrimSuffix(f.Name, suffix), f.Value, unit)
	}
}
