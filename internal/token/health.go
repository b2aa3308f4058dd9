package token

import (
	"fmt"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/status"
)

// How long before its end a token that will not be renewed by itself, or whose
// renewal fails, is worth a warning or an alarm.
const (
	alarmBefore = 3 * day
	shortLived  = 2 * day // tokens issued for less are installer tokens
)

const mendPaste = "Paste a new token with envoyd token set, or run envoyd token login."

// problem is why there is no successor yet, in words for people.
type problem struct {
	message, mend string
	final         bool // until a person does something
}

func (k *Keeper) setProblem(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problem = &problem{message: err.Error(), mend: fault.Mend(err), final: !fault.Is(err, fault.Transient)}
}

// health is one state with its words.
type health struct {
	state         status.State
	message, mend string
}

// Report says how the token is, by the callback; Run does so on its own.
func (k *Keeper) Report() {
	if k.cfg.Report == nil {
		return
	}
	h := k.health(time.Now())
	k.cfg.Report(h.state, h.message, h.mend)
}

func (k *Keeper) health(now time.Time) health {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.current(now)
	switch {
	case t.Text.IsZero():
		return k.withoutToken()
	case k.refused[t.Text.Reveal()]:
		return k.whenRefused(t)
	default:
		return k.withToken(t, now)
	}
}

func (k *Keeper) withoutToken() health {
	h := health{state: status.Red, message: "There is no token for gateway " + k.cfg.Serial + "."}
	for _, t := range append([]Token{k.configured}, k.stored...) {
		if !t.Text.IsZero() {
			h.message = fmt.Sprintf("The token for gateway %s ended on %s.", k.cfg.Serial, date(t.ExpiresAt))
			break
		}
	}
	switch {
	case !k.fetches():
		h.mend = "Set account.username and account.password_file, or paste a token with envoyd token set, or run envoyd token login."
	case k.problem != nil:
		h.message += " " + sentence(k.problem.message)
		h.mend = k.problem.mend
	default:
		h.state = status.Yellow
		h.message += " A new one is being fetched from Enphase."
	}
	return h
}

func (k *Keeper) whenRefused(t Token) health {
	h := health{
		state: status.Red,
		message: fmt.Sprintf("Gateway %s refuses its %s token, although that ends only on %s.",
			k.cfg.Serial, t.Role, date(t.ExpiresAt)),
		mend: "Check the date and time of this computer and of the gateway. " + mendPaste,
	}
	switch {
	case k.problem != nil:
		h.message += " " + sentence(k.problem.message)
		if k.problem.mend != "" {
			h.mend = k.problem.mend
		}
	case k.fetches():
		h.message += " A new one is fetched at most once a day."
	}
	return h
}

func (k *Keeper) withToken(t Token, now time.Time) health {
	h := health{state: status.Green, message: describe(t, now)}
	last := k.longest(now)
	left := last.ExpiresAt.Sub(now)
	switch {
	case k.problem != nil && left < alarmBefore && last.Lifetime() > shortLived:
		h.state = status.Red
	case k.problem != nil:
		h.state = status.Yellow
	case !k.fetches() && last.Lifetime() < shortLived:
		h.state = status.Yellow
		h.mend = "This is an installer token: it is valid for 12 hours only. Use the home owner's account, or set account.username and account.password_file."
	case !k.fetches() && left < renewBefore:
		h.state = status.Yellow
		h.mend = mendPaste
	}
	if k.problem != nil {
		h.message += " " + sentence(k.problem.message)
		h.mend = k.problem.mend
	}
	return h
}

func describe(t Token, now time.Time) string {
	if left := t.ExpiresAt.Sub(now); left < shortLived {
		return fmt.Sprintf("The %s token is valid until %s.", t.Role, t.ExpiresAt.Local().Format("2006-01-02 15:04"))
	}
	return fmt.Sprintf("The %s token is valid until %s, %.0f days from now.", t.Role, date(t.ExpiresAt), t.DaysLeft(now))
}

func date(t time.Time) string { return t.Local().Format(time.DateOnly) }

// sentence makes a line of text out of an error.
func sentence(message string) string {
	if message == "" {
		return ""
	}
	return "The last try for a new one failed: " + message + "."
}
