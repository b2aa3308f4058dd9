package grant

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

const (
	keepAlive  = 7 * 24 * time.Hour // a refresh token lives a month; four chances in it
	justNow    = 10 * time.Minute   // an access token younger than that is not to blame for a 401
	secondLook = 2 * time.Second    // before a refusal is believed
	firstRetry = time.Minute        // after a failure, doubling
	lastRetry  = 6 * time.Hour
)

// Token returns an access token, refreshed if its time has come. Its errors
// are fault.Auth with ErrNoGrant or ErrEnded, fault.Config with ErrBadClient
// or ErrOtherApp, else transient.
func (k *Keeper) Token(ctx context.Context) (secret.Text, error) {
	_ = k.saveAgain(ctx) // what it says is on the board
	s, err := k.read()
	if err != nil {
		return secret.Text{}, err
	}
	if k.fresh(s, time.Now()) {
		return secret.New(s.Access), nil
	}
	return k.refresh(ctx, func(s stored) bool { return !k.fresh(s, time.Now()) })
}

// fresh reports whether the access token has lived less than four fifths of
// its life and was not refused.
func (k *Keeper) fresh(s stored, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	life := s.Expires.Sub(s.Renewed)
	return s.Access != k.refused && now.Before(s.Expires.Add(-life/5)) && s.Ended.IsZero()
}

// usable reports whether the access token may still do although a refresh was
// due and failed.
func (k *Keeper) usable(s stored, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return s.Access != k.refused && now.Before(s.Expires)
}

// Refused says that the API did not take an access token. It returns whether
// another one may help: one that is fresh from the token endpoint is not to
// blame.
func (k *Keeper) Refused(access secret.Text) bool {
	s, err := k.read()
	if err != nil {
		return false
	}
	if s.Access != access.Reveal() {
		return true // another process has refreshed meanwhile
	}
	if age := time.Since(s.Renewed); age >= 0 && age < justNow {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused = access.Reveal()
	return true
}

// refresh gets the next pair of tokens, unless by the time it is our turn
// nothing is due any more. The new pair is on disk when it returns.
//
// Once the call has begun it is not given up when ctx ends: the answer would
// be lost, and the grant with it. It takes 20 s at most.
func (k *Keeper) refresh(ctx context.Context, due func(stored) bool) (access secret.Text, err error) {
	err = k.locked(ctx, func() error {
		s, err := k.read()
		if err != nil {
			return err
		}
		if !due(s) {
			access = secret.New(s.Access)
			return nil
		}
		if err = k.mayAsk(s); err == nil {
			s, err = k.renew(context.WithoutCancel(ctx), s)
			k.note(err)
		}
		if err == nil || errors.Is(err, ErrNotSaved) || fault.KindOf(err) == fault.Transient && k.usable(s, time.Now()) {
			access, err = secret.New(s.Access), nil
		}
		return err
	})
	return access, err
}

// mayAsk refuses to repeat what was answered for good, or failed just now.
func (k *Keeper) mayAsk(s stored) error {
	if !s.Ended.IsZero() {
		return &fault.Error{Kind: fault.Auth, Op: refreshing, Err: ErrEnded, Mend: connectAgain}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.problem != nil && time.Now().Before(k.retry) {
		return &fault.Error{Kind: fault.KindOf(k.problem), Op: "waiting after a failure", Err: k.problem,
			After: time.Until(k.retry), Mend: fault.Mend(k.problem)}
	}
	return nil
}

// Check refreshes now, due or not, because a person wants to know whether it
// works. A client id is checked against the grant, so what Enphase refuses
// here is the secret.
func (k *Keeper) Check(ctx context.Context) error {
	began, err := k.read()
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.retry = time.Time{}
	k.mu.Unlock()
	defer k.report()
	_, err = k.refresh(ctx, func(s stored) bool { return s.Serial == began.Serial })
	if err == nil {
		err = k.Status().Problem
	}
	return err
}

const refreshing = "refreshing the access to the Enlighten cloud"

// renew asks the token endpoint: with the refresh token, once more when it is
// refused, because a refusal costs the owner an errand, and then with the one
// before it: an answer that never arrived may not have counted over there.
func (k *Keeper) renew(ctx context.Context, s stored) (stored, error) {
	var err error
	for i, token := range []string{s.Refresh, s.Refresh, s.Previous} {
		if token == "" {
			continue
		}
		if i > 0 {
			time.Sleep(secondLook)
		}
		if err = k.cfg.Count(ctx); err != nil {
			return s, err
		}
		var t *oauth2.Token
		t, err = k.oauth.TokenSource(k.dress(ctx), &oauth2.Token{RefreshToken: token}).Token()
		if err == nil {
			s.renew(t, time.Now().UTC().Truncate(time.Second))
			return s, k.write(s)
		}
		if err = k.classify(refreshing, err, ErrEnded); !errors.Is(err, ErrEnded) {
			return s, err
		}
	}
	s.Ended = time.Now().UTC().Truncate(time.Second)
	if k.write(s) != nil {
		k.log.Warn("end of the cloud grant cannot be written down")
	}
	return s, err
}

// note remembers how a refresh ended.
func (k *Keeper) note(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problem = err
	if err == nil || errors.Is(err, ErrNotSaved) {
		k.failed, k.retry, k.refused = 0, time.Time{}, ""
		return
	}
	k.failed++
	wait := min(firstRetry<<min(k.failed-1, 10), lastRetry)
	if fault.Is(err, fault.Config) {
		wait = lastRetry
	}
	k.retry = time.Now().Add(max(wait, fault.After(err)))
}
