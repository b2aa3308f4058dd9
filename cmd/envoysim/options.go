package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"envoyd/internal/sim"
	"envoyd/internal/sim/cloud"
)

// nativeLatency is what a native page of a gateway takes on a quiet LAN.
const nativeLatency = 40 * time.Millisecond

// options are the command line.
type options struct {
	listen, capture, serial, broker, cloud, cloudCA, token string
	mdns, noon, printToken                                 bool
	speed                                                  float64
	preset                                                 sim.Preset
	latency, upload, delay                                 time.Duration
	plan                                                   string
	partner                                                bool
}

// What a gateway on a home's network takes to be seen in the vendor's cloud: it
// reports every quarter of an hour, and that is worked on for a while.
const (
	cloudUpload = 15 * time.Minute
	cloudDelay  = 3 * time.Minute
)

const usage = `envoysim plays a home with an Enphase gateway.

Usage:

  envoysim [-listen 127.0.0.1:8443] [-capture DIR] [-serial S] [-mdns]
           [-broker 127.0.0.1:PORT] [-cloud 127.0.0.1:9443] [-speed 1]

It prints one line for each service and runs until it is interrupted.

The gateway misbehaves on demand, for this machine only:

  curl -X POST 'http://127.0.0.1:8443/_sim/html?for=60s&path=/ivp/meters/readings'

  refuse stall cut html empty 401 502 503 freeze zeros nometers flicker spike
      take for=60s, count=3 and path=/ivp/meters; clear ends them
  sessions token restart (for=60s of zeros)    logins and power cycles
  move key certificate                         another address, key, end of validity
  wrap reset firmware offgrid remove swap      counters, devices, the house
  GET state, GET truth                         what is on, what really is

So does the token service: POST /_sim/mfa, /_sim/too-many, /_sim/tokens-403 …

And the Monitoring API at the same address:

  curl -X POST 'http://127.0.0.1:9443/_sim/cloud/503?for=60s&path=/oauth/token'

  html empty cut slow stall 401 403 404 422 500 500-rgm 502 503
      take for=60s, count=3 and path=/api/v4/; clear ends them
  minute month bare-429 partner-429 spend (hits=900) plan (plan=Kilowatt)
  silence uncover revoke expire (all=true)     the gateway's reports, the consent
  strict                                       a refresh token is good once
  GET state                                    what is on, calls so far

Options:
`

// parseOptions reads the command line; what is wrong with it goes to errs.
func parseOptions(args []string, errs io.Writer) (options, error) {
	var o options
	var preset string
	flags := flag.NewFlagSet("envoysim", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(errs, usage) //nolint:errcheck // there is nowhere else to say so
		flags.PrintDefaults()
	}
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8443", "`address` of the gateway; port 0 takes a free one")
	flags.StringVar(&o.capture, "capture", "", "replay the recording in this `folder` instead of a modelled home")
	flags.StringVar(&o.serial, "serial", "", "the gateway's `serial`, 12 digits")
	flags.BoolVar(&o.mdns, "mdns", false, "announce the gateway; only on loopback or in a network namespace of its own")
	flags.StringVar(&o.broker, "broker", "", "`address` of an MQTT broker with a random login; port 0 takes a free one")
	flags.StringVar(&o.cloud, "cloud", "", "`address` of the token service; port 0 takes a free one")
	flags.StringVar(&o.cloudCA, "cloud-ca", "", "serve the token service over TLS and write its authority to this `file`")
	flags.DurationVar(&o.upload, "cloud-upload", cloudUpload, "`time` between two reports of the gateway to the cloud; 0 = always")
	flags.DurationVar(&o.delay, "cloud-delay", cloudDelay, "`time` until the cloud shows a report")
	flags.StringVar(&o.plan, "cloud-plan", "", "`plan` of the application: Watt, Kilowatt, Megawatt, Partner")
	flags.BoolVar(&o.partner, "cloud-partner", false, "the application is an installer's")
	flags.Float64Var(&o.speed, "speed", 1, "how much `faster` sun and loads go than the clock")
	flags.BoolVar(&o.noon, "noon", false, "put the home where it is noon now, so that there is sun at any hour")
	flags.StringVar(&preset, "preset", sim.MeteredBattery.String(), "which `home` is modelled")
	flags.DurationVar(&o.latency, "latency", nativeLatency, "`time` that a native page takes; slow pages take ten times that")
	flags.StringVar(&o.token, "token", "", "a `token` that the gateway accepts whatever it says")
	flags.BoolVar(&o.printToken, "print-token", false, "print an owner token for the gateway (for tests)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := o.check(flags.Args(), preset)
	if err != nil {
		fmt.Fprintln(errs, "envoysim:", err) //nolint:errcheck // as above
	}
	return o, err
}

// check finds what the flags cannot know by themselves.
func (o *options) check(rest []string, preset string) error {
	var err error
	if o.preset, err = sim.ParsePreset(preset); err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no option", rest[0])
	case o.serial != "" && !regexp.MustCompile(`^[0-9]{12}$`).MatchString(o.serial):
		return fmt.Errorf("-serial %s is not 12 digits", o.serial)
	case o.cloudCA != "" && o.cloud == "":
		return errors.New("-cloud-ca needs -cloud")
	case !(o.speed > 0):
		return errors.New("-speed must be above 0")
	case o.latency < 0:
		return errors.New("-latency must not be negative")
	case o.upload < 0, o.delay < 0:
		return errors.New("-cloud-upload and -cloud-delay must not be negative")
	case o.plan != "" && !slices.Contains(cloud.Plans(), cloud.Plan(o.plan)):
		return fmt.Errorf("-cloud-plan %s is not one of %v", o.plan, cloud.Plans())
	}
	return nil
}
