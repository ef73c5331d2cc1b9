/* SPDX-License-Identifier: Apache-2.0
 *
 * A compacted source: gaps are no anomaly, nothing that the log holds is lost or doubled.
 */
int main(void)
{
    return 0;
}
