package mqtt

import (
	"context"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/fault"
	"envoyd/internal/status"
)

// A refused login or a wrong certificate is not tried every few seconds.
const refusedPause = 30 * time.Second

// Run publishes until ctx ends, and then says goodbye: offline on the
// gateways' status topics and the daemon's, within a short budget. A broker that is absent, refuses or goes
// away is reported and tried again; it never ends Run, which returns nil.
func (p *Publisher) Run(ctx context.Context) error {
	if p.target.exposes(p.cfg) {
		p.log.Warn("the MQTT password travels unencrypted", "broker", p.target.address, "mend", "use mqtts:// in mqtt.url")
	}
	defer p.memory.keep(p.log)()
	wait := backoff.Backoff{First: time.Second, Longest: 30 * time.Second}
	for ctx.Err() == nil {
		begun := time.Now()
		err := p.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(begun) > time.Minute {
			wait.Reset() // not after each connect: two clients with one id take turns in evicting each other
		}
		p.cfg.Report(status.Red, sentence(err), fault.Mend(err))
		if !pause(ctx, wait.Next(floor(err))) {
			break
		}
	}
	return nil
}

// session is one connection from its first to its last message.
func (p *Publisher) session(ctx context.Context) error {
	l, err := p.connect(ctx, p.cfg.ClientID, true)
	if err != nil {
		return err
	}
	// A broker that stops reading holds us in a write; no longer than this
	// once the daemon is to end.
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(p.limits.goodbye, l.drop) })
	defer stop()
	birth := p.cfg.HA.Status
	if p.cfg.HA.Prefix == "" {
		birth = ""
	}
	if err := l.listen(ctx, birth, p.topics.status(), p.limits.ack); err != nil && ctx.Err() == nil {
		p.log.Warn("cannot listen to the broker", "topic", p.topics.status(), "birth", birth, "error", err)
	}
	s := newSession(p, l.publish, events{l.lost, l.births, l.denials})
	err = s.run(ctx)
	if ctx.Err() == nil {
		l.abandon()
		return p.explainLoss(err)
	}
	s.goodbye(context.WithoutCancel(ctx), p.limits.goodbye)
	l.end()
	return nil
}

func floor(err error) time.Duration {
	if fault.Is(err, fault.Auth) || fault.Is(err, fault.Config) {
		return refusedPause
	}
	return 0
}

// sentence makes a message for people of an error.
func sentence(err error) string {
	if err == nil {
		return "the connection ended"
	}
	return err.Error()
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
