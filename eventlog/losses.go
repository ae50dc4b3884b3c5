package eventlog

import (
	"maps"

	"caro.sh/telemetry/schema"
)

// Losses counts events that were handed over and are not, or no longer, in the
// log, by reason. The numbers are totals for one log since it began; whoever
// receives several keeps the newest of each log.
type Losses struct {
	// QueueFull and LockTimeout are events a host could not hand over in time.
	QueueFull   int64 `json:"queue_full"`
	LockTimeout int64 `json:"lock_timeout"`
	// IOError counts events that the disk did not take.
	IOError int64 `json:"io_error"`
	// Refused counts lines that broke the contract, by category.
	Refused map[schema.Category]int64 `json:"refused"`
	// Evicted events made room under the size cap; Expired ones were too old.
	Evicted int64 `json:"evicted"`
	Expired int64 `json:"expired"`
	// Cleared events were removed by the user.
	Cleared int64 `json:"cleared"`
	// Torn counts fragments of lines a dead or failing writer left behind;
	// none of them was ever acknowledged unless the machine lost power.
	Torn int64 `json:"torn"`
	// Unreadable counts segments removed without knowing what they held.
	Unreadable int64 `json:"unreadable"`
	// RejectedByServer counts events a receiver refused.
	RejectedByServer int64 `json:"rejected_by_server"`
	// Unknown counts events that may or may not have arrived.
	Unknown int64 `json:"unknown"`
}

// Add returns the sum of both counts, of which neither is changed.
func (l Losses) Add(more Losses) Losses {
	sum := l
	sum.Refused = maps.Clone(l.Refused)
	if sum.Refused == nil {
		sum.Refused = map[schema.Category]int64{}
	}
	for category, n := range more.Refused {
		sum.Refused[category] += n
	}
	sum.QueueFull += more.QueueFull
	sum.LockTimeout += more.LockTimeout
	sum.IOError += more.IOError
	sum.Evicted += more.Evicted
	sum.Expired += more.Expired
	sum.Cleared += more.Cleared
	sum.Torn += more.Torn
	sum.Unreadable += more.Unreadable
	sum.RejectedByServer += more.RejectedByServer
	sum.Unknown += more.Unknown
	return sum
}

// Total is the number of everything counted, whatever the reason.
func (l Losses) Total() int64 {
	total := l.QueueFull + l.LockTimeout + l.IOError + l.Evicted + l.Expired + l.Cleared +
		l.Torn + l.Unreadable + l.RejectedByServer + l.Unknown
	for _, n := range l.Refused {
		total += n
	}
	return total
}
