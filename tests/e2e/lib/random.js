// SPDX-License-Identifier: ISC
// Chance that can be had again: the same seed gives the same numbers.

export class Random {
	constructor(seed) {
		this.state = seed >>> 0;
	}

	/** From 0 to below 1 (mulberry32). */
	next() {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let mixed = this.state;
		mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
	}

	/** A whole number, both ends included. */
	between(low, high) { return low + Math.floor(this.next() * (high - low + 1)); }

	chance(share) { return this.next() < share; }

	pick(list) { return list[this.between(0, list.length - 1)]; }

	/** A key of {key: weight}. */
	weighted(weights) {
		let left = this.next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
		for (const [key, weight] of Object.entries(weights)) {
			left -= weight;
			if (left < 0) return key;
		}
		return Object.keys(weights)[0];
	}
}
