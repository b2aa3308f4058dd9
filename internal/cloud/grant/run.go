package grant

import (
	"context"
	"errors"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/status"
)

const lookEvery = 30 * time.Minute // clocks step, commands write the file: look again

// Run keeps the grant alive until ctx ends, also while nobody asks the cloud.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		k.tend(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tend does what is due: writes what could not be written, refreshes what has
// not been for a week, and says how things are.
func (k *Keeper) tend(ctx context.Context) {
	defer k.report()
	if err := k.saveAgain(ctx); err != nil {
		return
	}
	s, err := k.read()
	if err != nil || !s.Ended.IsZero() || !idle(s) {
		return
	}
	if _, err = k.refresh(ctx, idle); err != nil && ctx.Err() == nil {
		k.log.Debug("cloud grant not refreshed", "error", err)
	}
}

// idle reports whether the grant has not been refreshed for so long that it
// must be, needed or not. A time in the future was written by a wrong clock.
func idle(s stored) bool { return time.Since(s.Renewed).Abs() >= keepAlive }

// saveAgain writes the tokens that could not be written when they came.
func (k *Keeper) saveAgain(ctx context.Context) error {
	k.mu.Lock()
	waiting := k.unsaved != nil
	k.mu.Unlock()
	if !waiting {
		return nil
	}
	return k.locked(ctx, func() error {
		s, err := k.read()
		if err == nil {
			err = k.write(s)
		}
		k.note(err)
		return err
	})
}

// Status is the grant for people.
type Status struct {
	App     string
	Granted time.Time // when the owner agreed
	Renewed time.Time // the last refresh
	Expires time.Time // of the access token
	Ends    time.Time // when the refresh token dies unless it is used before
	Problem error     // nil when all is well
}

// Status returns how the grant is; its Problem is ErrNoGrant when there is
// none.
func (k *Keeper) Status() Status {
	s, err := k.read()
	if err != nil {
		return Status{Problem: err}
	}
	st := Status{App: s.App, Granted: s.Granted, Renewed: s.Renewed, Expires: s.Expires, Ends: s.Renewed.Add(refreshLife)}
	k.mu.Lock()
	st.Problem = k.problem
	k.mu.Unlock()
	if !s.Ended.IsZero() {
		st.Problem = &fault.Error{Kind: fault.Auth, Op: refreshing, Err: ErrEnded, Mend: connectAgain}
	}
	return st
}

// report puts the grant's health on the board.
func (k *Keeper) report() {
	if k.cfg.Board == nil {
		return
	}
	st := k.Status()
	switch {
	case st.Problem == nil:
		k.cfg.Board.Set(Condition, status.Green, "access to the Enlighten cloud is granted", "")
	case errors.Is(st.Problem, ErrNoGrant):
		k.cfg.Board.Set(Condition, status.Yellow, ErrNoGrant.Error(), "Run envoyd connect enlighten.")
	case fault.Is(st.Problem, fault.Transient) && !errors.Is(st.Problem, ErrNotSaved) && time.Until(st.Ends) > keepAlive:
		k.cfg.Board.Set(Condition, status.Yellow, st.Problem.Error(), fault.Mend(st.Problem))
	default:
		k.cfg.Board.Set(Condition, status.Red, st.Problem.Error(), fault.Mend(st.Problem))
	}
}
