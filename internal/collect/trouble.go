package collect

import (
	"errors"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/derive"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/status"
)

const (
	// lostAfter is how many requests in a row may get no answer at all before
	// the gateway counts as gone; uselessAfter the same for answers that are
	// of no use: it is there, but it may be somebody else.
	lostAfter    = 3
	uselessAfter = 30
	// troubledAfter is how many failures in a row are worth saying, or how long
	// native pages do not answer.
	troubledAfter = 3
	troubledFor   = 8 * time.Second
)

// well notes a good answer. The first one of a session and the first after
// trouble end an alarm; what was put off by the trouble is asked again soon.
func (s *session) well(now time.Time) {
	recovered := s.troubled
	s.silent, s.useless, s.bad, s.troubled = 0, 0, 0, false
	if s.answered && !recovered {
		return
	}
	s.answered = true
	s.c.present(s.info)
	for _, l := range s.schedule.slots {
		if recovered && l.fails > 0 && !l.slow {
			l.hurry(now.Add(min(l.target, firstRetry)))
		}
	}
}

// failed works on a failure and reports whether the session goes on.
func (s *session) failed(l *slot, err error, now time.Time) bool {
	opening := l.path != infoPath && !s.snapshot.Answered(l.path)
	l.failed(now, fault.After(err))
	if passwordRefused(err) {
		s.withoutPassword(err)
		s.without(l, opening, now)
		return true
	}
	switch fault.KindOf(err) {
	case fault.Unsupported:
		if opening {
			s.without(l, opening, now)
			return true
		}
	case fault.Security, fault.Auth:
		if errors.Is(err, gateway.ErrTokenRefused) && s.c.cfg.TokenRefused != nil {
			s.c.cfg.TokenRefused()
		}
		return s.lose(err, alarmAfter)
	case fault.Transient, fault.Config:
	}
	s.worse(l, err, now)
	if s.silent >= lostAfter || s.useless >= uselessAfter {
		return s.lose(err, now.Sub(s.badSince))
	}
	if opening {
		s.replan(now) // what does not answer is not waited for
	}
	if s.answered {
		s.tellPages(now)
	}
	return true
}

// worse counts a failure and says so when it is one of several.
func (s *session) worse(l *slot, err error, now time.Time) {
	s.c.missed()
	if s.bad++; s.bad == 1 {
		s.badSince = l.began
	}
	if useless(err) {
		s.useless++
	} else {
		s.silent++
	}
	if s.bad >= troubledAfter || !l.slow && now.Sub(s.badSince) >= troubledFor {
		s.troubled = true
		s.c.away(err, now.Sub(s.badSince))
	}
}

// without takes an endpoint that this gateway does not offer out of the
// schedule. One that was offered when the plan was made is only put off: the
// gateway may be starting.
func (s *session) without(l *slot, opening bool, now time.Time) {
	if opening {
		s.snapshot.Missing(l.path)
		s.replan(now)
	}
}

// passwordRefused reports whether the old login, of firmware below 7, failed.
func passwordRefused(err error) bool {
	return errors.Is(err, gateway.ErrPassword) || errors.Is(err, gateway.ErrChallenge)
}

// withoutPassword says that a page is left out: on firmware below 7 only some
// of them ask for the password, and power is on one that does not.
func (s *session) withoutPassword(err error) {
	s.noPassword = true
	s.c.cfg.Board.Set(s.c.passwordName(), status.Yellow, err.Error(), fault.Mend(err))
}

func (c *Collector) passwordName() string { return "password/" + c.cfg.Serial }

// lose ends the session.
func (s *session) lose(err error, since time.Duration) bool {
	s.lost = err
	s.c.away(err, since)
	return false
}

// useless reports whether the gateway did answer, only nothing of use.
func useless(err error) bool {
	for _, e := range []error{
		gateway.ErrBusy, gateway.ErrEmpty, gateway.ErrNotJSON, gateway.ErrTruncated,
		gateway.ErrTooLarge, gateway.ErrRedirect, answer.ErrShape,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return fault.Is(err, fault.Unsupported)
}

const (
	// doubtful is how far in our past a metered gateway's measurement may lie
	// before its clock is looked at; derive says what is too far in our future.
	doubtful = time.Minute
	// insistFor is how long measurements must agree on another clock than the
	// one /info tells before they are believed, and insistWithin how closely.
	insistFor    = 30 * time.Second
	insistWithin = 5 * time.Second
)

// doubts reports whether the measurement's time cannot be used because the
// gateway's clock has moved. /info is asked out of turn, at most once a
// minute; what it cannot explain is corrected by the measurement itself.
func (s *session) doubts(res derive.Result, now time.Time) bool {
	at := res.Reading.Time
	behind := s.metered() && !at.IsZero() && now.Sub(at) > doubtful
	if !res.ClockDoubt {
		s.insisted = time.Time{}
	}
	if !res.ClockDoubt && !behind {
		return false
	}
	if now.Sub(s.doubted) >= infoLeast && now.Sub(s.clockAt) >= firstRetry {
		s.doubted = now
		if l := s.schedule.at(infoPath); l != nil {
			l.hurry(now)
		}
		return res.ClockDoubt
	}
	if res.ClockDoubt && s.clockAt.After(s.doubted) && s.insists(at, now) {
		s.clock.Observe(s.clock.Theirs(at), now)
	}
	return res.ClockDoubt
}

// insists reports whether the measurements have long agreed on how far ahead
// they are: one odd stamp is an odd stamp, many are a clock.
func (s *session) insists(at, now time.Time) bool {
	ahead := at.Sub(now)
	if s.insisted.IsZero() || (ahead-s.ahead).Abs() > insistWithin {
		s.insisted, s.ahead = now, ahead
	}
	return now.Sub(s.insisted) >= insistFor
}

// metered reports whether power comes from CTs, each second.
func (s *session) metered() bool { return s.plan.FreshFor() <= freshMetered }
