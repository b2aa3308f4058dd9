package mqtt

import (
	"time"

	"envoyd/internal/reading"
)

// powerNow returns the power message for the reading just taken, or false when
// it is not to be said: not new, too soon after the last by the time of
// measurement, not fresh, or a cloud value that was said before.
func (f *feed) powerNow(now time.Time) (message, bool) {
	r := f.latest
	if !f.fresh(now) || !hasPower(r) {
		return message{}, false
	}
	if r.Source != reading.Local {
		if !r.Time.After(f.p.cloudSent[f.gateway]) {
			return message{}, false
		}
		f.p.cloudSent[f.gateway] = r.Time
	} else if !f.power.measured.IsZero() && r.Time.Sub(f.power.measured) < f.p.cfg.Interval {
		return message{}, false
	}
	return f.powerMessage(now), true
}

// powerAgain returns the repetition of a good local power that is due, or
// when it will be; the zero time means never.
func (f *feed) powerAgain(now time.Time) (m message, due bool, next time.Time) {
	if !f.fresh(now) || f.latest.Source != reading.Local || !hasPower(f.latest) {
		return message{}, false, time.Time{}
	}
	if next = f.power.sent.Add(powerRepeat); now.Before(next) {
		return message{}, false, next
	}
	return f.powerMessage(now), true, now.Add(powerRepeat)
}

func (f *feed) powerMessage(now time.Time) message {
	f.power = powerTold{measured: f.latest.Time, sent: now}
	return message{topic: f.powerTopic, payload: powerPayload(f.latest)}
}

func hasPower(r *reading.Reading) bool {
	fields := r.Power.Fields()
	return reading.Any(fields[:])
}
