"""alarms of care pathways

Revision ID: 0011
Revises: 0010
"""
import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'pathway_alarm',
        sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.Column('rule', sa.String(length=100), nullable=False),
        sa.Column('level', sa.String(length=8), nullable=False),
        sa.Column('first', sa.String(length=10), nullable=False),
        sa.Column('newest', sa.String(length=10), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('raised_at', sa.Double(), nullable=False),
        sa.Column('acknowledged_at', sa.Double(), nullable=True),
        sa.Column('acknowledged_by', sa.String(length=64), nullable=True),
        sa.Column('note', sa.Text(), server_default='', nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_pathway_alarm')),
        sa.UniqueConstraint(
            'origin', 'person', 'rule', 'first', name=op.f('uq_pathway_alarm_origin')
        ),
    )
    op.create_index('ix_pathway_alarm_acknowledged_at', 'pathway_alarm', ['acknowledged_at'])


def downgrade() -> None:
    op.drop_index('ix_pathway_alarm_acknowledged_at', 'pathway_alarm')
    op.drop_table('pathway_alarm')
