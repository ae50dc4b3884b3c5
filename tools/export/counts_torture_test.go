//go:build torture

package export

const torture = true
