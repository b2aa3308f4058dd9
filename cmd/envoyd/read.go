package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	health "envoyd/internal/status"
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
		found, err := readAll(ctx, env, cfg, *direct)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printReadings(env.out, found.readings)
		} else {
			err = printPlain(env.out, found.readings)
		}
		if err == nil && !found.explain(ctx, env.err) {
			return errSilent
		}
		return err
	}
}

// found is what was read, and from whom.
type found struct {
	readings []reading.Reading
	daemon   *app.Client // nil: the gateways themselves were asked
	failed   bool        // one of them could not be read, which has been said already
}

// readAll asks the running daemon, else the gateways themselves.
func readAll(ctx context.Context, env *environment, cfg *config.Config, direct bool) (found, error) {
	client, err := app.Dial(ctx, cfg)
	if !direct && err == nil {
		all, err := client.Readings(ctx)
		return found{readings: all, daemon: client}, err
	}
	if !direct && !errors.Is(err, app.ErrNoDaemon) {
		return found{}, err
	}
	runs := err == nil
	d, err := app.OpenDirect(cfg, env.log)
	if runs && errors.Is(err, app.ErrBusy) {
		return found{}, &fault.Error{
			Err:  errors.New("the running envoyd already asks the gateway, which is to be asked by one at a time"),
			Mend: "Leave out -direct: then the reading of the running envoyd is shown.",
		}
	}
	if err != nil {
		return found{}, err
	}
	defer d.Close() //nolint:errcheck // nothing to be done about it here
	results, err := d.Read(ctx)
	if err != nil {
		return found{}, err
	}
	var f found
	for _, r := range results {
		if r.Err != nil {
			say(env.err, r.Err)
			f.failed = true
			continue
		}
		f.readings = append(f.readings, r.Reading)
	}
	return f, nil
}

// explain reports whether each gateway gave power or energy, and says why if
// one did not.
func (f found) explain(ctx context.Context, w io.Writer) bool {
	ok := !f.failed
	for i := range f.readings {
		if r := &f.readings[i]; !speaks(r) {
			ok = false
			say(w, &fault.Error{
				Err:  fmt.Errorf("gateway %s answers, but nothing was measured: neither power nor energy", r.Serial),
				Mend: "Run `envoyd check`: it tells what the gateway shows to this token.",
			})
		}
	}
	if len(f.readings) == 0 && !f.failed {
		ok = false
		say(w, f.whyEmpty(ctx))
	}
	return ok
}

// whyEmpty says why there is no reading at all, in the words of the daemon's
// worst condition that concerns a gateway.
func (f found) whyEmpty(ctx context.Context) error {
	const check = "Run `envoyd check`."
	if f.daemon == nil {
		return &fault.Error{Err: errors.New("there is no gateway to be read"), Mend: check}
	}
	nothing := errors.New("the running envoyd has no reading yet")
	conditions, err := f.daemon.Conditions(ctx)
	if err != nil {
		return &fault.Error{Err: fmt.Errorf("%w, and does not say why: %w", nothing, err), Mend: check}
	}
	for _, c := range conditions { // worst first
		kind, _, _ := strings.Cut(c.Name, "/")
		if c.State != health.Green && c.Message != "" && slices.Contains([]string{"discovery", "gateway", "readings", "token", "trust"}, kind) {
			return &fault.Error{Err: fmt.Errorf("%w: %s", nothing, c.Message), Mend: cmp.Or(c.Mend, check)}
		}
	}
	return &fault.Error{Err: nothing, Mend: "Try again in half a minute, or run `envoyd check`."}
}

// speaks reports whether a gateway gave power or energy.
func speaks(r *reading.Reading) bool {
	power, energy := r.Power.Fields(), r.Energy.Fields()
	return reading.Any(power[:]) || reading.Any(energy[:])
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Name, r.Serial, when(r), describe(r))
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

// when is the time of the measurement, if there was one.
func when(r *reading.Reading) string {
	if r.Time.IsZero() {
		return "nothing measured"
	}
	return r.Time.Local().Format(time.DateTime)
}

func describe(r *reading.Reading) string {
	return fmt.Sprintf("%s, %s, firmware %s", r.Source, r.Quality, r.Firmware)
}

func line(w io.Writer, f reading.Field, suffix, unit string) {
	if f.Value.Known() {
		fmt.Fprintf(w, "  %s\t%s %s\n", strings.TrimSuffix(f.Name, suffix), f.Value, unit)
	}
}
