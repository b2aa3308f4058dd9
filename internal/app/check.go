package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/config"
	"envoyd/internal/derive"
	"envoyd/internal/entrez"
	"envoyd/internal/fault"
	"envoyd/internal/live"
	"envoyd/internal/reading"
	"envoyd/internal/sink/influx"
	"envoyd/internal/sink/mqtt"
	"envoyd/internal/status"
)

// CheckLine is what `envoyd check` says of one part.
type CheckLine struct {
	Part string
	Says string // what is well
	Err  error  // what is not
	Mend string // what to do
}

// CheckOptions is what the command line gives.
type CheckOptions struct {
	Account bool // log in to Enphase in any case
	Version string
}

// partTime is how long one part may take; a gateway takes longer.
const partTime = 15 * time.Second

// Check tries every configured part, one after the other. The file has been
// validated already: there would be no Config otherwise.
func Check(ctx context.Context, cfg *config.Config, log *slog.Logger, opt CheckOptions) iter.Seq[CheckLine] {
	c := &checker{cfg: cfg, log: log, opt: opt}
	return func(yield func(CheckLine) bool) {
		for _, part := range []func(context.Context) []CheckLine{
			c.file, c.gateways, c.account, c.cloud, c.mqtt, c.influx,
		} {
			for _, line := range part(ctx) {
				if !yield(line) {
					return
				}
			}
		}
	}
}

type checker struct {
	cfg *config.Config
	log *slog.Logger
	opt CheckOptions
}

func lineOf(part, says string, err error) CheckLine {
	return CheckLine{Part: part, Says: says, Err: err, Mend: fault.Mend(err)}
}

func (c *checker) file(context.Context) []CheckLine {
	says := c.cfg.File
	if says == "" {
		says = "no file: all defaults"
	}
	return []CheckLine{lineOf("configuration", says, nil), lineOf("state folder", c.cfg.StateDir(), nil)}
}

// gateways asks the running daemon how it fares, else the gateways themselves.
func (c *checker) gateways(ctx context.Context) []CheckLine {
	client, err := Dial(ctx, c.cfg)
	if err == nil {
		return c.daemon(ctx, client)
	}
	if !errors.Is(err, ErrNoDaemon) {
		return []CheckLine{lineOf("daemon", "", err)}
	}
	lines := []CheckLine{lineOf("daemon", "not running; the parts are tried directly", nil)}
	d, err := OpenDirect(c.cfg, c.log)
	if err != nil {
		return append(lines, lineOf("state folder", "", err))
	}
	defer d.Close() //nolint:errcheck // the lock ends with the process
	results, err := d.Read(ctx)
	if err != nil {
		return append(lines, lineOf("gateway", "", err))
	}
	for _, r := range results {
		lines = append(lines, r.lines()...)
	}
	return lines
}

func (r Result) lines() []CheckLine {
	part := "gateway " + r.Serial
	if r.Err != nil {
		return []CheckLine{lineOf(part, "", r.Err)}
	}
	return append([]CheckLine{lineOf(part, "firmware "+r.Reading.Firmware, nil)}, sourceLines(r.Serial, r.Plan.Lines())...)
}

// sourceLines says which source serves what. A gateway that serves nothing is
// a fault, however politely it answers.
func sourceLines(serial string, texts []string) []CheckLine {
	nothing := derive.Plan{}.Lines()
	var lines []CheckLine
	for _, text := range texts {
		line := lineOf("gateway "+serial, text, nil)
		if slices.Contains(nothing, text) {
			line.Err = errors.New(text)
			line.Mend = "The gateway answers, but shows neither meters nor inverters to this token: get one of the owner with " +
				"`envoyd token login`, and see in the Enphase app whether the system is set up. After a restart it needs some minutes."
		}
		lines = append(lines, line)
	}
	return lines
}

// daemon turns the running daemon's conditions into lines.
func (c *checker) daemon(ctx context.Context, client *Client) []CheckLine {
	conditions, err := client.Conditions(ctx)
	if err != nil {
		return []CheckLine{lineOf("daemon", "", err)}
	}
	lines := []CheckLine{lineOf("daemon", "running", nil)}
	for _, cond := range conditions {
		if cond.Name == "mqtt" || cond.Name == "influx" || cond.Name == "config" || cond.Name == grant.Condition {
			continue // tried on their own
		}
		line := CheckLine{Part: strings.ReplaceAll(cond.Name, "/", " "), Says: cond.Message}
		if cond.State != status.Green {
			line.Err, line.Mend = errors.New(cond.Message), cond.Mend
		}
		lines = append(lines, line)
	}
	plans, err := client.Plans(ctx)
	if err != nil {
		return append(lines, lineOf("sources", "", err))
	}
	readings, err := client.Readings(ctx)
	if err != nil {
		return append(lines, lineOf("readings", "", err))
	}
	for _, serial := range slices.Sorted(maps.Keys(plans)) {
		lines = append(lines, sourceLines(serial, plans[serial])...)
	}
	return append(lines, unread(lines, readings)...)
}

// unread makes a fault of it that there is no reading at all, unless what is
// the matter has been said.
func unread(said []CheckLine, readings []reading.Reading) []CheckLine {
	if len(readings) > 0 || slices.ContainsFunc(said, func(l CheckLine) bool { return l.Err != nil }) {
		return nil
	}
	return []CheckLine{{Part: "readings", Err: errors.New("there is no reading yet"),
		Mend: "Try again in half a minute; if it stays so, the log of envoyd says more."}}
}

func (c *checker) account(ctx context.Context) []CheckLine {
	const part = "Enphase account"
	if c.cfg.Account.Username == "" {
		return nil
	}
	if !c.opt.Account {
		return []CheckLine{lineOf(part, "not tried, to be gentle with the login; -account tries it", nil)}
	}
	client, err := entrezOf(c.cfg, c.log)
	if err != nil {
		return []CheckLine{lineOf(part, "", err)}
	}
	err = client.Check(ctx, entrez.Login{Email: c.cfg.Account.Username, Password: c.cfg.Account.Password})
	return []CheckLine{lineOf(part, "logged in", err)}
}

func (c *checker) mqtt(ctx context.Context) []CheckLine {
	if c.cfg.MQTT.URL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	mc := mqttConfig(c.cfg, c.opt.Version)
	mc.Hub = &live.Hub{} // nothing is published
	p, err := mqtt.New(mc)
	if err == nil {
		err = p.Check(ctx)
	}
	return []CheckLine{lineOf("mqtt", fmt.Sprintf("%s takes messages", c.cfg.MQTT.URL), err)}
}

func (c *checker) influx(ctx context.Context) []CheckLine {
	if c.cfg.Influx.URL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	sink, err := influx.New(influxConfig(c.cfg, c.log))
	if err == nil {
		err = sink.Check(ctx)
	}
	return []CheckLine{lineOf("influx", fmt.Sprintf("%s takes points", c.cfg.Influx.URL), err)}
}
