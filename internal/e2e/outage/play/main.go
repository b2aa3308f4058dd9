// Command play watches an outage for `make demo-outage`: it takes the simulated
// gateway away and brings it back, looks at the page's API and at MQTT, is the
// database itself, and prints what it saw. Its last three lines are the
// verdict; the exit status is 0 only if all of it held.
//
// It starts no program; scripts/demo-outage.sh does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var p play
	flag.StringVar(&p.page, "page", "", "the daemon's `URL`")
	flag.StringVar(&p.mqtt, "mqtt", "", "the broker's `URL`, with its login")
	flag.StringVar(&p.gateway, "gateway", "", "the simulated gateway's `address`")
	flag.StringVar(&p.influx, "influx", "", "`address` to be the database at")
	flag.DurationVar(&p.away, "away", 4*time.Minute, "how long the gateway is away")
	flag.Parse()
	ctx, stop := context.WithTimeout(context.Background(), p.away+5*time.Minute)
	defer stop()
	if err := p.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo-outage:", err)
		os.Exit(1)
	}
}

var errNotHeld = errors.New("not everything held")

// run plays the outage.
func (p *play) run(ctx context.Context) error {
	if err := p.begin(); err != nil {
		return err
	}
	defer p.end()
	steps := []func(context.Context) error{p.ownReadings, p.takeAway, p.standsIn, p.bringBack, p.gapFilled}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			p.verdict()
			return err
		}
	}
	if !p.verdict() {
		return errNotHeld
	}
	return nil
}

func (p *play) say(format string, args ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
