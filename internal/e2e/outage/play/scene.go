package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"envoyd/internal/reading"
)

// play is one outage and what was seen of it.
type play struct {
	page, mqtt, gateway, influx string
	away                        time.Duration
	see                         witness

	began, left, back time.Time
	first             reading.Reading
	truth             float64 // production counted when the first reading was made

	switched, returned, whole, exact bool
	took                             time.Duration
}

// ownReadings waits for the gateway's own readings in all three places.
func (p *play) ownReadings(ctx context.Context) error {
	if err := p.everywhere(ctx, reading.Local, time.Time{}, time.Minute); err != nil {
		return err
	}
	if err := wait(ctx, 20*time.Second); err != nil {
		return err
	}
	var err error
	if p.first, p.truth, err = p.compared(ctx); err != nil {
		return err
	}
	p.began = p.first.Time
	p.say("the gateway is read: %s W, page, MQTT and InfluxDB have it", p.first.Power.ProductionW)
	return nil
}

// takeAway makes the gateway refuse every connection.
func (p *play) takeAway(ctx context.Context) error {
	p.left = time.Now()
	p.say("the gateway is gone")
	return p.post(ctx, "/_sim/refuse", url.Values{"for": {p.away.String()}})
}

// standsIn waits for the cloud in all three places, and then for the end of
// the outage.
func (p *play) standsIn(ctx context.Context) error {
	if err := p.everywhere(ctx, reading.Enlighten, p.left, p.away); err != nil {
		return err
	}
	r, err := p.reading(ctx)
	if err != nil {
		return err
	}
	p.switched = r.Quality == reading.Good && p.ready(ctx)
	p.say("the cloud stands in after %s: %s W, page, MQTT and InfluxDB have it", since(p.left), r.Power.ProductionW)
	return wait(ctx, time.Until(p.left.Add(p.away)))
}

// bringBack waits for the gateway to take over.
func (p *play) bringBack(ctx context.Context) error {
	p.back = time.Now()
	p.say("the gateway is back")
	if err := p.everywhere(ctx, reading.Local, p.back, time.Minute); err != nil {
		return err
	}
	p.took = time.Since(p.back)
	p.returned = p.took <= 5*time.Second
	p.say("it is read again after %s", p.took.Round(100*time.Millisecond))
	return nil
}

// gapFilled waits until the curve has no hole, and compares the total.
func (p *play) gapFilled(ctx context.Context) error {
	err := p.until(ctx, 2*time.Minute, func() (bool, error) {
		holes, err := p.holes(ctx)
		return err == nil && holes == 0, err
	})
	if err != nil {
		return fmt.Errorf("waiting for a curve without a hole: %w", err)
	}
	p.whole = true
	p.say("the curve has no hole")
	r, truth, err := p.compared(ctx)
	if err != nil {
		return err
	}
	counted, real := r.Energy.ProductionWh.Or(0)-p.first.Energy.ProductionWh.Or(0), truth-p.truth
	p.say("counted %.1f Wh since the beginning, really %.1f Wh", counted, real)
	p.exact = real > 0 && math.Abs(counted-real) <= 0.01*real
	return nil
}

// verdict prints what held.
func (p *play) verdict() bool {
	word := func(ok bool) string {
		if ok {
			return "held"
		}
		return "FAILED"
	}
	fmt.Printf("%-6s  page, MQTT and InfluxDB changed to the cloud, and stayed ready\n", word(p.switched))
	fmt.Printf("%-6s  the gateway took over within five seconds of its return (%s)\n", word(p.returned), p.took.Round(100*time.Millisecond))
	fmt.Printf("%-6s  the curve has no hole, and the total equals the truth within 1 %%\n", word(p.whole && p.exact))
	return p.switched && p.returned && p.whole && p.exact
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Second) }

var errInVain = errors.New("waited in vain")

// until waits for ok, but not for ever.
func (p *play) until(ctx context.Context, longest time.Duration, ok func() (bool, error)) error {
	ctx, stop := context.WithTimeout(ctx, longest)
	defer stop()
	for {
		done, err := ok()
		if done {
			return nil
		}
		if wait(ctx, 100*time.Millisecond) != nil {
			return errors.Join(errInVain, err)
		}
	}
}

// everywhere waits until page, MQTT and database have a power from a source
// that was measured or said after a moment.
func (p *play) everywhere(ctx context.Context, source reading.Source, after time.Time, longest time.Duration) error {
	err := p.until(ctx, longest, func() (bool, error) {
		r, err := p.reading(ctx)
		return err == nil && r.Source == source && r.Quality == reading.Good && p.see.mqttSaid(source, after) && p.see.influxTook(source, after), err
	})
	if err != nil {
		return fmt.Errorf("waiting for %s readings on page, MQTT and InfluxDB: %w", source, err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
