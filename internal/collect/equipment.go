package collect

import (
	"slices"
	"strings"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// tellEquipment says what is wrong with the house's equipment or with what is
// asked of it, though every answer is well.
func (s *session) tellEquipment(r reading.Reading) {
	s.tell("wiring/", wiring(r.Meters),
		"Have an installer check the direction and the phase of these CTs; until then their values may be wrong or have the wrong sign.")
	unasked := ""
	if s.c.cfg.Targets.Batteries <= 0 && s.plan.Source(derive.Battery) != "" && !r.Power.BatteryW.Known() {
		unasked = "there is a battery, and poll.batteries is off: its power and the house's consumption are unknown"
	}
	s.tell("batteries/", unasked, "Set poll.batteries to 10s in the configuration.")
}

// tell sets a condition of this gateway, or ends it when there is nothing to say.
func (s *session) tell(part, message, mend string) {
	if message == "" {
		s.c.cfg.Board.Forget(part + s.c.cfg.Serial)
		return
	}
	s.c.cfg.Board.Set(part+s.c.cfg.Serial, status.Yellow, message, mend)
}

// checkWiring is the meteringStatus of a CT that the gateway doubts.
const checkWiring = "check-wiring"

// doubtFlags are the statusFlags by which it does so (fact sheet 4.5).
var doubtFlags = []string{"production-imbalance", "negative-production", "power-on-unused-phase", "negative-total-consumption"}

// wiring lists the CTs that the gateway itself doubts: negative-production by
// day is a CT that is mounted the wrong way round.
func wiring(meters []reading.Meter) string {
	var doubted []string
	for _, m := range meters {
		var says []string
		for _, flag := range append([]string{m.Status}, m.Flags...) {
			if flag == checkWiring || slices.Contains(doubtFlags, flag) {
				says = append(says, flag)
			}
		}
		if m.Phase == "" && len(says) > 0 {
			doubted = append(doubted, m.Kind+" ("+strings.Join(says, ", ")+")")
		}
	}
	if len(doubted) == 0 {
		return ""
	}
	return "the gateway doubts the wiring of its CTs: " + strings.Join(doubted, ", ")
}
