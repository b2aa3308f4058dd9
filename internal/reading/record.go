package reading

// Tier names the part of a reading that one poll renews. There is one record
// per tier and measurement time, so that the slow parts are not kept again
// each second.
type Tier string

// The tiers.
const (
	TierPower     Tier = "power"     // Power, Energy, Meters, GridState
	TierInverters Tier = "inverters" // the Inverters that reported anew
	TierBatteries Tier = "batteries" // the Batteries that reported anew
	TierStorage   Tier = "storage"   // Storage, Controllers
	TierDaemon    Tier = "daemon"    // Daemon
)

// Record is what the store keeps and the sinks walk: the parts of a reading
// that one measurement renewed, and nothing else. Its identity is gateway,
// tier and time.
type Record struct {
	// Seq is the record's place in the store, 1 and up, without gaps in
	// order; 0 before it has been kept.
	Seq  uint64 `json:"-"`
	Tier Tier   `json:"tier"`
	Reading
	Daemon *Daemon `json:"daemon,omitempty"`
}
